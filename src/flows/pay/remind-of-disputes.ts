/** A dispute whose evidence is due soon is told once more. */
import type { DatabasePool } from 'slonik'
import { takeDueDisputes } from '../../payments/concerns.ts'
import { appendOutboxRows } from '../../platform/outbox.ts'
import { concernTopic } from './hear-concern.ts'

/** How long before the deadline. */
const hoursBefore = 48
/** Of one run; the next one goes on. */
const perRun = 100

/**
 * For a job, every ten minutes: has the mails written that remind of deadlines; answers how many disputes
 * were taken. Safe to run twice, also at once. Rejects with PostgreSQL's errors.
 */
export function remindOfDisputes(pool: DatabasePool): Promise<number> {
  return pool.transaction(async (tx) => {
    const due = await takeDueDisputes(tx, { hours: hoursBefore, limit: perRun })
    await appendOutboxRows(
      tx,
      due.map(({ id, orderId, stage }) => ({
        topic: concernTopic,
        key: `${id}:due-${stage}`,
        payload: { orderId, concernId: id, news: 'due' },
      })),
    )
    return due.length
  })
}
