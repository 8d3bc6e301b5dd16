/** Guarantee 2: the gate grants what the ledger has free, less what it has granted since. */
import type { DatabasePool } from 'slonik'
import type { Clock } from '../kernel/clock.ts'
import type { RedisClient } from '../platform/redis/client.ts'
import { Comparison, type Verdict } from './compare-gate.ts'
import type { Findings, Note } from './findings.ts'
import {
  type LedgerReading,
  readGates,
  readLedger,
  readPartitions,
  rebuildRepair,
} from './gate-readings.ts'
import { workerLives } from './workers-seen.ts'

export interface GateCheckDeps {
  readonly pool: DatabasePool
  readonly redis: RedisClient
  readonly clock: Clock
  readonly note: Note
}

const pauseMs = 20
/** How long readings that can be compared are waited for. */
const patienceMs = 2_000
/** How long a live worker may leave a commit unsettled: its commands to Redis end after five seconds. */
const settledWithinMs = 10_000

interface Pending {
  readonly row: LedgerReading
  readonly comparison: Comparison
}

/** Adds to `stranded` (guarantee 2) and, for entries that have gone from a mailbox, to `lost` (guarantee 3). */
export async function checkGates(
  deps: GateCheckDeps,
  stranded: Findings,
  lost: Findings,
): Promise<void> {
  const { pool, clock, note } = deps
  const started = clock.monotonic()
  let pending = new Map<string, Pending>()
  let rows = await readLedger(pool)
  let skipped = 0
  for (;;) {
    const round = await compare(deps, rows, pending, { stranded, lost })
    skipped += round.skipped
    pending = round.unknown
    const waited = clock.monotonic() - started
    if (waited > patienceMs) pending = await onlyStuck(deps, pending)
    if (waited > settledWithinMs) {
      for (const { row } of pending.values()) stranded.breach(neverSettled(row))
      break
    }
    if (pending.size === 0) break
    await clock.sleep(pauseMs)
    rows = await readLedger(pool, [...pending.keys()])
  }
  if (skipped > 0) {
    note(
      `${skipped} gates: not compared, they are missing, closed or of an earlier start of Redis; their owner builds them anew`,
    )
  }
}

/** One round of readings. A gate that is not there, or not of the ledger's generation, is skipped. */
async function compare(
  deps: GateCheckDeps,
  rows: readonly LedgerReading[],
  pending: ReadonlyMap<string, Pending>,
  findings: { readonly stranded: Findings; readonly lost: Findings },
): Promise<{ unknown: Map<string, Pending>; skipped: number }> {
  const unknown = new Map<string, Pending>()
  if (rows.length === 0) return { unknown, skipped: pending.size }
  // The gates before their partitions: a gate that was read while it was live was read of a live one.
  const gates = await readGates(deps.redis, rows)
  const named = [...new Set(rows.map(({ partition }) => partition))]
  const partitions = await readPartitions(deps.pool, deps.redis, named)
  const live = new Map(partitions.map((state) => [state.partition, state.live && state.known]))
  let skipped = 0
  for (const [i, row] of rows.entries()) {
    const gate = gates[i]
    if (gate?.generation !== row.generation || live.get(row.partition) !== row.generation) {
      skipped++
      continue
    }
    const comparison = pending.get(row.sku)?.comparison ?? new Comparison()
    const verdict = comparison.see(row, gate)
    if (verdict.tag === 'unknown') unknown.set(row.sku, { row, comparison })
    else findings.stranded.checked(1)
    if (verdict.tag === 'missing') findings.lost.breach(missing(row, verdict))
    if (verdict.tag === 'stranded') findings.stranded.breach(differs(row, verdict))
  }
  return { unknown, skipped }
}

/** Those that nobody settles although a worker runs. Of the others it is not known, and that is said. */
async function onlyStuck(
  { pool, note }: GateCheckDeps,
  pending: ReadonlyMap<string, Pending>,
): Promise<Map<string, Pending>> {
  if (pending.size === 0) return new Map()
  const lives = await workerLives(pool)
  const stuck = new Map([...pending].filter(([, { comparison }]) => lives && comparison.still))
  if (stuck.size < pending.size) {
    const why = lives
      ? 'they moved faster than they could be read'
      : 'no worker runs to settle them'
    note(`${pending.size - stuck.size} gates: not compared, ${why}`)
  }
  return stuck
}

function differs(
  { sku, partition }: LedgerReading,
  { units }: Extract<Verdict, { tag: 'stranded' }>,
): string {
  return units > 0
    ? `${sku}: ${units} units are free and its gate does not grant them; ${rebuildRepair(partition)}`
    : `${sku}: its gate would grant ${-units} units more than are free; ${rebuildRepair(partition)}`
}

function missing(
  { sku, partition }: LedgerReading,
  { entries }: Extract<Verdict, { tag: 'missing' }>,
): string {
  return entries > 0
    ? `${sku}: ${entries} entries have gone from its mailbox before they were committed; ${rebuildRepair(partition)}`
    : `${sku}: its mailbox holds ${-entries} entries that are committed already; ${rebuildRepair(partition)}`
}

function neverSettled({ sku, partition, cursor }: LedgerReading): string {
  return `${sku}: the commit at cursor ${cursor} never reached its gate although a worker runs; ${rebuildRepair(partition)}`
}
