/** Reads ledger rows and gates side by side. Neither read changes anything. */
import type { CommonQueryMethods, DatabasePool } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'
import type { RedisClient } from '../platform/redis/client.ts'
import { closePartition } from '../stock/gate/scripts.ts'
import type { PartitionState } from '../stock/ports.ts'
import { partitionKeys, skuKeys } from '../stock/protocol/keys.ts'
import type { Terms } from '../stock/protocol/messages.ts'

const LedgerReading = z.object({
  sku: z.string(),
  partition: z.number(),
  generation: z.number(),
  cursor: z.number(),
  free: z.number(),
  granted: z.number(),
})
export type LedgerReading = z.infer<typeof LedgerReading>

/** Ledger rows whose gate was built in the present generation of their partition; all, or those named. */
export function readLedger(
  db: CommonQueryMethods,
  skus?: readonly string[],
): Promise<readonly LedgerReading[]> {
  const named = skus
    ? sql.fragment`and l.sku = any(${sql.array([...skus], 'text')})`
    : sql.fragment``
  return db.any(sql.type(LedgerReading)`
    select l.sku, l.partition, l.generation, l.cursor, l.free, l.granted
      from ledger l join partitions p on p.partition = l.partition and p.generation = l.generation
     where l.generation > 0 ${named} order by l.sku`)
}

export interface GateReading {
  readonly generation: number
  readonly units: number
  readonly granted: number
  /** The last mailbox entry that was appended. */
  readonly seq: number
  /** The last one whose commit was settled; the mailbox holds what lies between. */
  readonly settled: number
  /** Entries in the mailbox. */
  readonly waiting: number
  /** Whose limit it counts against, or null where it counts nobody. */
  readonly pool: string | null
}

const gateFields = ['generation', 'units', 'granted', 'seq', 'settled', 'limit', 'terms'] as const
/** Gates that are read at once. */
const atOnce = 64

/** The gate and the length of its mailbox, as of one moment; null where there is none. */
async function readGate(
  redis: RedisClient,
  { sku, partition }: Pick<LedgerReading, 'sku' | 'partition'>,
): Promise<GateReading | null> {
  const keys = skuKeys(partition, sku)
  const replies = await redis
    .multi()
    .hmget(keys.gate, ...gateFields)
    .xlen(keys.mailbox)
    .exec()
  const [fields, waiting] = successes(replies) as [(string | null)[], number]
  const [generation, units, granted, seq, settled, limit, terms] = fields
  if (!generation) return null
  return {
    generation: Number(generation),
    units: Number(units),
    granted: Number(granted),
    seq: Number(seq),
    settled: Number(settled),
    waiting,
    pool: limit && terms ? (JSON.parse(terms) as Terms).pool : null,
  }
}

/** The gates of `rows`, in their order. */
export async function readGates(
  redis: RedisClient,
  rows: readonly Pick<LedgerReading, 'sku' | 'partition'>[],
): Promise<(GateReading | null)[]> {
  const gates: (GateReading | null)[] = []
  for (let i = 0; i < rows.length; i += atOnce) {
    const some = rows.slice(i, i + atOnce)
    gates.push(...(await Promise.all(some.map((row) => readGate(redis, row)))))
  }
  return gates
}

/** The replies of a MULTI; throws the first error among them. */
export function successes(replies: readonly [Error | null, unknown][] | null): unknown[] {
  if (!replies) throw new Error('Redis dropped a transaction')
  return replies.map(([error, reply]) => {
    if (error) throw error
    return reply
  })
}

export interface PartitionReading extends PartitionState {
  readonly partition: number
  /** The generation PostgreSQL knows. */
  readonly known: number
  /** Whether its gates admit, and are those that the ledger speaks of. */
  readonly live: boolean
}

const Known = z.object({ partition: z.number(), generation: z.number() })

/** What Redis and PostgreSQL say of each partition; all, or those named. */
export async function readPartitions(
  pool: DatabasePool,
  redis: RedisClient,
  partitions?: readonly number[],
): Promise<PartitionReading[]> {
  const named = partitions
    ? sql.fragment`where partition = any(${sql.array([...partitions], 'int2')})`
    : sql.fragment``
  const rows = await pool.any(sql.type(Known)`
    select partition, generation from partitions ${named} order by partition`)
  return Promise.all(
    rows.map(async ({ partition, generation: known }) => {
      const state = await closePartition(redis, partitionKeys(partition), { closing: '' })
      const live = state.open && state.sameServer && state.generation === known && known > 0
      return { ...state, partition, known, live }
    }),
  )
}

/** How to have a partition's gates built anew from the ledger, at any moment of a sale. */
export function rebuildRepair(partition: number): string {
  return `repair: update partitions set run_id = null where partition = ${partition}; its owner builds the gates anew within a second or two`
}
