/**
 * Guarantee 3: what was accepted is on its way or in PostgreSQL. A checkout is committed before its entry
 * leaves the mailbox, so whoever reads the mailbox first and PostgreSQL afterwards finds it in one of them.
 */
import type { CommonQueryMethods, DatabasePool } from 'slonik'
import { z } from 'zod'
import type { Clock } from '../kernel/clock.ts'
import { isUuid } from '../kernel/ids.ts'
import { sql } from '../platform/postgres/pool.ts'
import type { RedisClient } from '../platform/redis/client.ts'
import { partitionKeys, requestsKey, skuKeys } from '../stock/protocol/keys.ts'
import {
  aboutUnread,
  decodeEntry,
  type Entry,
  isRead,
  type UnreadEntry,
} from '../stock/protocol/messages.ts'
import { scanHash } from './buyer-counts.ts'
import { breachesMax, type Findings, type Note } from './findings.ts'
import { type PartitionReading, readLedger, readPartitions } from './gate-readings.ts'
import { dueBefore } from './workers-seen.ts'

export interface AcceptedDeps {
  readonly pool: DatabasePool
  readonly redis: RedisClient
  readonly clock: Clock
  readonly note: Note
}

/** What waits in PostgreSQL may wait so long while a worker runs. Seconds. */
const waitSeconds = 60
/** A partition that closed a command so lately is busy, not stuck. Seconds. */
const busySeconds = 10
/** Idempotency records of one partition and day, and entries of one mailbox, that are looked at. */
const recordsMax = 20_000
const entriesMax = 5_000

/** Every idempotency record of a present generation leads to a checkout; see the head of this file. */
export async function checkAccepted(deps: AcceptedDeps, lost: Findings): Promise<void> {
  const { pool, redis, note } = deps
  let larger = 0
  for (const state of await readPartitions(pool, redis)) {
    if (state.known === 0 || state.generation !== state.known) continue
    await checkMailboxes(deps, state, lost)
    const { records, whole } = await readRecords(deps, state)
    if (!whole) larger++
    lost.checked(records.length)
    const unknown = await withoutRow(
      pool,
      records.map(({ id }) => id),
    )
    if (unknown.size > 0) {
      const suspects = records.filter(({ id }) => unknown.has(id))
      await lookAgain(deps, state, suspects, lost)
    }
  }
  if (larger > 0) {
    note(
      `idempotency records: ${recordsMax.toLocaleString('en-US')} of each partition and day are followed to their checkouts; ${larger} of the partitions have more`,
    )
  }
}

interface Record {
  readonly id: string
  readonly key: string
  readonly field: string
  readonly fingerprint: string
}

/** The records whose checkouts were minted for the present generation. */
async function readRecords(
  { redis, clock }: AcceptedDeps,
  { partition, known }: PartitionReading,
): Promise<{ records: Record[]; whole: boolean }> {
  const records: Record[] = []
  let complete = true
  for (const back of [0, 1] as const) {
    const key = requestsKey(partition, clock.now(), back)
    const { fields, whole } = await scanHash(redis, key, recordsMax)
    complete &&= whole
    for (const [field, value] of fields) {
      const [id = '', fingerprint = ''] = value.split(' ')
      // Of another generation, it may be lost and was said to be; see checkout-id.ts for the digits.
      const current = isUuid(id) && Number.parseInt(id.slice(20, 22), 16) === known % 256
      if (current) records.push({ id, key, field, fingerprint })
    }
  }
  return { records, whole: complete }
}

/** The suspects that neither a mailbox nor PostgreSQL has, unless the partition was rebuilt meanwhile. */
async function lookAgain(
  deps: AcceptedDeps,
  { partition, known }: PartitionReading,
  suspects: readonly Record[],
  lost: Findings,
): Promise<void> {
  const { pool, redis, note } = deps
  const ready = await redis.smembers(partitionKeys(partition).ready)
  const waiting = new Set<string>()
  let whole = true
  for (const sku of ready) {
    const { entries, read } = await readEntries(deps, partition, sku)
    whole &&= read
    for (const id of checkoutsIn(entries)) waiting.add(id)
  }
  const left = suspects.filter(({ id }) => !waiting.has(id))
  const unknown = await withoutRow(
    pool,
    left.map(({ id }) => id),
  )
  const [after] = await readPartitions(pool, redis, [partition])
  if (unknown.size === 0) return
  if (!whole || after?.generation !== known || after.known !== known) {
    note(`partition ${partition}: ${unknown.size} records could not be followed to their checkouts`)
    return
  }
  for (const { id, fingerprint, key, field } of left.filter((record) => unknown.has(record.id))) {
    lost.breach(
      `checkout ${id} (${fingerprint}) was accepted, and neither PostgreSQL nor a mailbox has it; repair: HDEL ${key} ${field}, so that the buyer's next try is admitted anew`,
    )
  }
}

/** Entries at or below the cursor that are not trimmed yet: their checkouts are committed. */
async function checkMailboxes(
  deps: AcceptedDeps,
  { partition, known }: PartitionReading,
  lost: Findings,
): Promise<void> {
  const { pool, redis, note } = deps
  const ready = await redis.smembers(partitionKeys(partition).ready)
  if (ready.length === 0) return
  // The cursors first: an entry that they cover was committed before.
  for (const { sku, cursor } of await readLedger(pool, ready)) {
    const { entries, unread } = await readEntries(deps, partition, sku)
    if (unread) note(aboutUnread(sku, unread))
    const covered = entries.filter(({ generation, seq }) => generation === known && seq <= cursor)
    const ids = checkoutsIn(covered)
    lost.checked(ids.length)
    for (const id of await withoutRow(pool, ids)) {
      lost.breach(
        `${sku}: checkout ${id} stands in the mailbox at or below the cursor ${cursor}, and PostgreSQL does not have it; repair: insert it as rejected, so that its buyer is told`,
      )
    }
  }
}

/** What of a mailbox can be read; `read` tells whether that is all of it, `unread` is the first that cannot. */
async function readEntries({ redis }: AcceptedDeps, partition: number, sku: string) {
  const { mailbox } = skuKeys(partition, sku)
  const raw = await redis.xrange(mailbox, '-', '+', 'COUNT', entriesMax)
  const all = raw.map(decodeEntry)
  const unread = all.find((entry) => !isRead(entry)) as UnreadEntry | undefined
  return { entries: all.filter(isRead), unread, read: raw.length < entriesMax && !unread }
}

function checkoutsIn(entries: readonly Entry[]): string[] {
  return entries
    .flatMap(({ messages }) => messages)
    .flatMap((message) => (message.kind === 'reserve' ? [message.checkoutId] : []))
}

/** Those ids that no checkout has. */
async function withoutRow(pool: DatabasePool, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const rows = await pool.any(sql.typeAlias('id')`
    select asked.id from unnest(${sql.array([...ids], 'uuid')}) as asked (id)
     where not exists (select from orders o where o.id = asked.id)`)
  return new Set(rows.map(({ id }) => id))
}

const Command = z.object({
  id: z.string(),
  sku: z.string(),
  kind: z.string(),
  created_at: z.date(),
})
const Assembling = z.object({ id: z.string(), sku: z.string().nullable(), expires_at: z.date() })

/** Commands and assemblies that nobody has carried on with although a worker ran. */
export async function checkWaiting(
  db: CommonQueryMethods,
  lost: Findings,
  note: Note,
): Promise<void> {
  const due = await dueBefore(db, waitSeconds)
  if (!due) return noteWaiting(db, note)
  const at = sql.timestamp(due)
  // Many at once take their time: stuck is what others have overtaken, or where nothing moves any more.
  const commands = await db.any(sql.type(Command)`
    with progress as (
      select partition, max(done_at) as last, max(created_at) filter (where done_at is not null) as newest
        from stock_commands group by partition)
    select c.id, c.sku, c.kind, c.created_at
      from stock_commands c join progress p on p.partition = c.partition
     where c.done_at is null and c.created_at < ${at}
       and (p.last is null or p.last < clock_timestamp() - make_interval(secs => ${busySeconds})
         or p.newest > c.created_at + make_interval(secs => ${waitSeconds}))
     order by c.created_at limit ${breachesMax}`)
  for (const { id, sku, kind, created_at } of commands) {
    lost.breach(
      `${sku}: the command ${kind} ${id} is open since ${created_at.toISOString()}; repair: see why the owner of its partition does not post or commit it`,
    )
  }
  const assemblies = await db.any(sql.type(Assembling)`
    select o.id, o.expires_at, (select min(sku) from order_lines l where l.order_id = o.id) as sku
      from orders o where o.outcome is null and o.state = 'assembling' and o.expires_at < ${at}
     order by o.expires_at limit ${breachesMax}`)
  for (const { id, sku, expires_at } of assemblies) {
    lost.breach(
      `${sku ?? 'no SKU'}: checkout ${id} is assembling past its deadline ${expires_at.toISOString()}; repair: see that the worker's job reject-assemblies runs`,
    )
  }
}

/** What is late, but had no worker to carry it on. */
async function noteWaiting(db: CommonQueryMethods, note: Note): Promise<void> {
  const late = sql.fragment`clock_timestamp() - make_interval(secs => ${waitSeconds})`
  const { count } = await db.one(sql.typeAlias('count')`
    select (select count(*) from stock_commands where done_at is null and created_at < ${late})
         + (select count(*) from orders
             where outcome is null and state = 'assembling' and expires_at < ${late}) as count`)
  if (count === 0) return
  note(
    `${count} commands and assemblies have waited for more than ${waitSeconds} s, and no worker has run for so long; the next one carries them on`,
  )
}
