/**
 * Guarantee 2 for limits: the gate's count of a buyer's units is PostgreSQL's, plus what waits in the
 * mailbox. A count that is too high refuses units to somebody who may have them; one that is too low
 * admits what the ledger will reject.
 */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'
import type { RedisClient } from '../platform/redis/client.ts'
import { skuKeys } from '../stock/protocol/keys.ts'
import { decodeEntry, isRead } from '../stock/protocol/messages.ts'
import type { Findings } from './findings.ts'
import type { GateCheckDeps } from './gate-guarantee.ts'
import {
  type LedgerReading,
  readGates,
  readLedger,
  readPartitions,
  rebuildRepair,
  successes,
} from './gate-readings.ts'

/** Buyers of one pool that are compared, and of those that differ, read again. At most. */
const buyersMax = 20_000
const suspectsMax = 100
/** Mailbox entries that one reading counts. */
const entriesMax = 2_000
const chunk = 1_000
const pauseMs = 20
const patienceMs = 2_000
const readingsNeeded = 3

/** Adds to `stranded` (guarantee 2) what the gates of SKUs with a limit count wrongly. */
export async function checkBuyerCounts(deps: GateCheckDeps, stranded: Findings): Promise<void> {
  const { pool, redis, note } = deps
  const partitions = await readPartitions(pool, redis)
  const live = new Set(partitions.filter((state) => state.live).map(({ partition }) => partition))
  const rows = (await readLedger(pool)).filter(({ partition }) => live.has(partition))
  const gates = await readGates(redis, rows)
  for (const [i, row] of rows.entries()) {
    const limited = gates[i]?.pool
    if (limited === null || limited === undefined) continue
    const { buyers, differ } = await compareAll(deps, row, limited)
    stranded.checked(buyers)
    if (differ.length > suspectsMax) {
      note(
        `${row.sku}: ${differ.length} buyers are being counted; ${suspectsMax} of them are compared`,
      )
    }
    await readAgain(deps, row, limited, differ.slice(0, suspectsMax), stranded)
  }
}

const Count = z.object({ buyer_id: z.string(), units: z.number() })

/** Compares the counts as they come, a bounded number: those that differ may only be under way. */
async function compareAll(
  { pool, redis, note }: GateCheckDeps,
  { sku, partition }: LedgerReading,
  limited: string,
): Promise<{ buyers: number; differ: string[] }> {
  const key = skuKeys(partition, sku).buyers
  const counted = await pool.any(sql.type(Count)`
    select buyer_id, units from buyer_units where pool = ${limited} and units > 0
     order by buyer_id limit ${buyersMax}`)
  const differ: string[] = []
  for (let i = 0; i < counted.length; i += chunk) {
    const some = counted.slice(i, i + chunk)
    const shadow = await redis.hmget(key, ...some.map(({ buyer_id }) => buyer_id))
    some.forEach(({ buyer_id, units }, at) => {
      if (Number(shadow[at] ?? 0) !== units) differ.push(buyer_id)
    })
  }
  const known = new Set(counted.map(({ buyer_id }) => buyer_id))
  const { fields, whole } = await scanHash(redis, key, buyersMax)
  const others = [...fields].filter(([buyer]) => !known.has(buyer))
  for (let i = 0; i < others.length; i += chunk) {
    const some = others.slice(i, i + chunk)
    const rows = await pool.any(sql.type(Count)`
      select buyer_id, units from buyer_units
       where pool = ${limited} and buyer_id = any(${sql.array(
         some.map(([buyer]) => buyer),
         'uuid',
       )})`)
    const units = new Map(rows.map((row) => [row.buyer_id, row.units]))
    for (const [buyer, count] of some) {
      if ((units.get(buyer) ?? 0) !== Number(count)) differ.push(buyer)
    }
  }
  if (!whole || counted.length === buyersMax)
    note(`${sku}: of its buyers' counts, ${buyersMax} of each side are compared`)
  return { buyers: known.size + others.length, differ }
}

/** Fields of a hash, as many as `max` asks for or somewhat more; `whole` when there are no others. */
export async function scanHash(
  redis: RedisClient,
  key: string,
  max: number,
): Promise<{ fields: Map<string, string>; whole: boolean }> {
  const fields = new Map<string, string>()
  let cursor = '0'
  do {
    const [next, items] = await redis.hscan(key, cursor, 'COUNT', chunk)
    for (let i = 0; i < items.length; i += 2) fields.set(items[i] as string, items[i + 1] as string)
    cursor = next
  } while (cursor !== '0' && fields.size < max)
  return { fields, whole: cursor === '0' }
}

const Cursor = z.object({ generation: z.number(), cursor: z.number(), counts: z.array(Count) })

/**
 * Reads the suspects' counts until the gate is settled at the cursor that PostgreSQL was read at: then the
 * gate's count is PostgreSQL's, plus what the mailbox holds.
 */
async function readAgain(
  deps: GateCheckDeps,
  row: LedgerReading,
  limited: string,
  suspects: readonly string[],
  stranded: Findings,
): Promise<void> {
  const { clock, note } = deps
  const deadline = clock.monotonic() + patienceMs
  const differed = new Map(suspects.map((buyer) => [buyer, 0]))
  while (differed.size > 0) {
    const readings = await readCounts(deps, row, limited, [...differed.keys()])
    for (const [buyer, { ledger, gate }] of readings) {
      const times = (differed.get(buyer) ?? 0) + 1
      if (ledger === gate) differed.delete(buyer)
      else if (times < readingsNeeded) differed.set(buyer, times)
      else {
        differed.delete(buyer)
        stranded.breach(
          `${row.sku}: its gate counts ${gate} units for buyer ${buyer}, PostgreSQL and the mailbox ${ledger}; ${rebuildRepair(row.partition)}`,
        )
      }
    }
    if (clock.monotonic() > deadline) break
    if (differed.size > 0) await clock.sleep(pauseMs)
  }
  if (differed.size > 0)
    note(`${row.sku}: the counts of ${differed.size} buyers moved faster than they could be read`)
}

/** Empty when the two were not read at the same cursor, or the mailbox holds what only a newer release reads. */
async function readCounts(
  { pool, redis }: { pool: DatabasePool; redis: RedisClient },
  { sku, partition }: LedgerReading,
  limited: string,
  buyers: readonly string[],
): Promise<Map<string, { ledger: number; gate: number }>> {
  const counts = new Map<string, { ledger: number; gate: number }>()
  const ledger = await pool.maybeOne(sql.type(Cursor)`
    select generation, cursor, coalesce((
        select jsonb_agg(jsonb_build_object('buyer_id', buyer_id, 'units', units)) from buyer_units
         where pool = ${limited} and buyer_id = any(${sql.array([...buyers], 'uuid')})), '[]') as counts
      from ledger where sku = ${sku}`)
  const keys = skuKeys(partition, sku)
  const replies = await redis
    .multi()
    .hmget(keys.gate, 'generation', 'settled')
    .hmget(keys.buyers, ...buyers)
    .xlen(keys.mailbox)
    .xrange(keys.mailbox, '-', '+', 'COUNT', entriesMax)
    .exec()
  const [[generation, settled], shadow, waiting, raw] = successes(replies) as [
    (string | null)[],
    (string | null)[],
    number,
    [string, string[]][],
  ]
  const same =
    ledger && Number(generation) === ledger.generation && Number(settled) === ledger.cursor
  if (!same || waiting > entriesMax) return counts
  const pending = new Map<string, number>()
  const entries = raw.map(decodeEntry)
  if (!entries.every(isRead)) return counts
  for (const message of entries.flatMap(({ messages }) => messages)) {
    if (message.kind === 'reserve' && message.terms.pool === limited)
      pending.set(message.buyerId, (pending.get(message.buyerId) ?? 0) + message.units)
  }
  const stored = new Map(ledger.counts.map(({ buyer_id, units }) => [buyer_id, units]))
  buyers.forEach((buyer, i) => {
    const expected = (stored.get(buyer) ?? 0) + (pending.get(buyer) ?? 0)
    counts.set(buyer, { ledger: expected, gate: Number(shadow[i] ?? 0) })
  })
  return counts
}
