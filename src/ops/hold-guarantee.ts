/** Guarantee 6: a hold is sold, released or expired, at the latest one sweep after its deadline. */
import type { DatabasePool, DatabaseTransactionConnection, FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'
import { breachesMax, Findings, type Note } from './findings.ts'
import { snapshot } from './snapshot.ts'
import { dueBefore } from './workers-seen.ts'

/** What a sweep itself, and a machine under load, may take beyond its interval. */
const graceSeconds = 5

/** What an attempt to pay that began in time may take beyond the deadline. */
const payingSeconds = 30

/** How late the word of a live worker may be. */
const stampSeconds = 5

const Overdue = z.object({
  id: z.string(),
  status: z.string(),
  sku: z.string().nullable(),
  expires_at: z.date(),
})
const Kept = z.object({
  checkout_id: z.string(),
  sku: z.string(),
  status: z.string(),
  released: z.boolean(),
})

/**
 * @param sweepSeconds how often deadlines are looked at. Those that pass while no worker runs are not its
 * fault: they are no breach, and `note` is told how many there are.
 */
export async function checkHolds(
  pool: DatabasePool,
  sweepSeconds: number,
  note: Note,
): Promise<Findings> {
  const findings = new Findings(6)
  const lateSeconds = sweepSeconds + graceSeconds
  await snapshot(pool, async (tx) => {
    const { count } = await tx.one(sql.typeAlias('count')`
      select count(*) as count from order_lines where stock = 'held'`)
    findings.checked(count)
    const due = await dueBefore(tx, lateSeconds)
    if (due) await findOverdue(tx, due, findings)
    await noteUnjudged(tx, due, lateSeconds, note)
    await findForgotten(tx, findings)
  })
  return findings
}

const overdueAt = (moment: FragmentSqlToken) => sql.fragment`(
  o.state = 'reserved' and o.expires_at < ${moment}
  or o.state = 'paying' and o.expires_at < ${moment} - make_interval(secs => ${payingSeconds})
    and not exists (select from payment_attempts a
      where a.checkout_id = o.id and a.state = 'pending' and a.processing))`

async function findOverdue(
  tx: DatabaseTransactionConnection,
  due: Date,
  findings: Findings,
): Promise<void> {
  const rows = await tx.any(sql.type(Overdue)`
    select o.id, o.state as status, o.expires_at, (select min(sku) from order_lines l where l.order_id = o.id) as sku
      from orders o where ${overdueAt(sql.fragment`${sql.timestamp(due)}`)}
     order by o.expires_at limit ${breachesMax}`)
  for (const { id, status, sku, expires_at } of rows) {
    findings.breach(
      `${sku ?? 'no SKU'}: checkout ${id} is ${status} past its deadline ${expires_at.toISOString()}; repair: see that the worker's job expire-holds runs`,
    )
  }
}

/** Those that a worker would have ended by now, had one run. */
async function noteUnjudged(
  tx: DatabaseTransactionConnection,
  due: Date | null,
  lateSeconds: number,
  note: Note,
): Promise<void> {
  const late = sql.fragment`(clock_timestamp() - make_interval(secs => ${lateSeconds + stampSeconds}))`
  const judged = due
    ? sql.fragment`not ${overdueAt(sql.fragment`${sql.timestamp(due)}`)}`
    : sql.fragment`true`
  const { count } = await tx.one(sql.typeAlias('count')`
    select count(*) as count from orders o where ${overdueAt(late)} and ${judged}`)
  if (count === 0) return
  const why = due
    ? `since the last worker stopped`
    : `and no worker has run for ${lateSeconds} s that could have ended them`
  note(`${count} checkouts have passed their deadlines ${why}; the next worker ends them`)
}

/** Holds of checkouts that have ended: the release is written with the end, and closed when it is done. */
async function findForgotten(tx: DatabaseTransactionConnection, findings: Findings): Promise<void> {
  const rows = await tx.any(sql.type(Kept)`
    select l.order_id as checkout_id, l.sku, o.outcome as status, r.id is not null as released
      from order_lines l
      join orders o on o.id = l.order_id
      left join stock_commands r on r.checkout_id = l.order_id and r.sku = l.sku and r.kind = 'release'
     where l.stock = 'held' and o.outcome <> 'confirmed' and (r.id is null or r.done_at is not null)
     order by l.order_id limit ${breachesMax}`)
  for (const { checkout_id, sku, status, released } of rows) {
    findings.breach(
      released
        ? `${sku}: checkout ${checkout_id} is ${status}, its release is done and its units are still held; repair: set done_at of the release to null`
        : `${sku}: checkout ${checkout_id} is ${status} and nothing releases its units; repair: insert a release for it into stock_commands`,
    )
  }
}
