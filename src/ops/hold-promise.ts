/** Promise 6: a hold is sold, released or expired, at the latest one sweep after its deadline. */
import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'
import { breachesMax, Findings, type Note } from './findings.ts'
import { snapshot } from './snapshot.ts'
import { dueBefore } from './workers-seen.ts'

/** What a sweep itself, and a machine under load, may take beyond its interval. */
const graceSeconds = 5

/** What an attempt to pay that began in time may take beyond the deadline. */
const payingSeconds = 30

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

/** @param sweepSeconds how often deadlines are looked at; those of a stopped system are not judged. */
export async function checkHolds(
  pool: DatabasePool,
  sweepSeconds: number,
  note: Note,
): Promise<Findings> {
  const findings = new Findings(6)
  await snapshot(pool, async (tx) => {
    const { count } = await tx.one(sql.typeAlias('count')`
      select count(*) as count from holds where state = 'held'`)
    findings.checked(count)
    const due = await dueBefore(tx, sweepSeconds + graceSeconds)
    if (due) await findOverdue(tx, due, findings)
    else note('deadlines of holds: not judged, no worker has run for longer than a sweep')
    await findForgotten(tx, findings)
  })
  return findings
}

async function findOverdue(
  tx: DatabaseTransactionConnection,
  due: Date,
  findings: Findings,
): Promise<void> {
  const rows = await tx.any(sql.type(Overdue)`
    select c.id, c.status, c.expires_at, (select min(sku) from holds h where h.checkout_id = c.id) as sku
      from checkouts c
     where c.status = 'reserved' and c.expires_at < ${sql.timestamp(due)}
        or c.status = 'paying'
          and c.expires_at < ${sql.timestamp(due)} - make_interval(secs => ${payingSeconds})
     order by c.expires_at limit ${breachesMax}`)
  for (const { id, status, sku, expires_at } of rows) {
    findings.breach(
      `${sku ?? 'no SKU'}: checkout ${id} is ${status} past its deadline ${expires_at.toISOString()}; repair: see that the worker's job expire-holds runs`,
    )
  }
}

/** Holds of checkouts that have ended: the release is written with the end, and closed when it is done. */
async function findForgotten(tx: DatabaseTransactionConnection, findings: Findings): Promise<void> {
  const rows = await tx.any(sql.type(Kept)`
    select h.checkout_id, h.sku, c.status, r.id is not null as released
      from holds h
      join checkouts c on c.id = h.checkout_id
      left join stock_commands r on r.checkout_id = h.checkout_id and r.sku = h.sku and r.kind = 'release'
     where h.state = 'held' and c.status in ('expired', 'cancelled', 'payment_failed', 'rejected', 'lost')
       and (r.id is null or r.done_at is not null)
     order by h.checkout_id limit ${breachesMax}`)
  for (const { checkout_id, sku, status, released } of rows) {
    findings.breach(
      released
        ? `${sku}: checkout ${checkout_id} is ${status}, its release is done and its units are still held; repair: set done_at of the release to null`
        : `${sku}: checkout ${checkout_id} is ${status} and nothing releases its units; repair: insert a release for it into stock_commands`,
    )
  }
}
