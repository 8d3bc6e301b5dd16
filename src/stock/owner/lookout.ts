/**
 * Looks at all partitions of a worker at once, once a second. Wake-ups are what is quick; this is
 * for those that were lost, and for what nobody wakes an owner for.
 */
import type { Lookout } from '../../actor/actor.ts'
import { partitionOf } from '../protocol/partition.ts'
import type { Survey } from '../survey.ts'

/**
 * Compares what the gates' store has of partitions with what the ledger says. The ownership of a
 * worker asks it once a second. A look rejects when a store is away.
 */
export function stockLookout(survey: Survey): Lookout {
  return {
    async look(partitions) {
      const [{ skus, agrees }, ledger] = await Promise.all([
        survey.gates(partitions),
        survey.ledger(partitions),
      ])
      return {
        waiting: [...new Set(skus.map(partitionOf))],
        amiss: ledger.filter((seen) => seen.overdue || !agrees(seen)).map((seen) => seen.partition),
      }
    },
  }
}
