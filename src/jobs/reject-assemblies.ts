import type { DatabasePool } from 'slonik'
import { decideAssemblies, giveUp, overdueAssemblies } from '../flows/reserve/assembly.ts'
import type { ScheduledJob } from '../platform/queue/scheduled.ts'
import type { PostGates } from '../stock/gate/post-commands.ts'

/** A checkout over several SKUs that was not decided in time gives its parts back. */
export function rejectAssembliesJob(deps: {
  readonly pool: DatabasePool
  readonly gates: PostGates
  readonly holdSeconds: number
}): ScheduledJob {
  return {
    name: 'reject-assemblies',
    everyMs: 5_000,
    run: async () => {
      const overdue = await overdueAssemblies(deps.pool)
      if (overdue.length === 0) return
      // Its parts may all be held, and whoever committed the last one died before it looked.
      await decideAssemblies(deps.pool, overdue, deps.holdSeconds)
      await giveUp(deps, overdue, 'overdue')
    },
  }
}
