/**
 * Partitions and the generations of their gates, on the owner's own connection. PgLedger calls
 * these.
 */
import { Fenced } from '../../actor/actor.ts'
import type { PipelinedConnection } from '../../platform/postgres/pipeline.ts'
import type { LedgerPartition } from '../ports.ts'

/** What the ledger knows of a partition, for its owner. Rejects with the connection's errors. */
export async function readPartition(
  connection: PipelinedConnection,
  partition: number,
): Promise<LedgerPartition> {
  const [row] = await connection.query({
    name: 'partition-state',
    text: 'select generation::text, run_id from partitions where partition = $1',
    values: [partition],
  })
  return { generation: Number(row?.generation), runId: (row?.run_id as string | null) ?? null }
}

/**
 * For a rebuild, first: moves a partition and its opened ledger rows from generation `from` to
 * `to`, built on the gate store's run `runId`, which fences every batch in flight. Rejects with the
 * SQL state `fencedCode` (Fenced, by PgLedger), nothing changed, when it is not in `from`; else
 * with the connection's errors.
 */
export async function moveToGeneration(
  connection: PipelinedConnection,
  partition: number,
  from: number,
  to: number,
  runId: string,
): Promise<void> {
  await connection.transaction([
    {
      name: 'bump-partition',
      text: `with moved as (update partitions set generation = $3, run_id = $4
          where partition = $1 and generation = $2 returning 1)
          select expect_rows((select count(*) from moved), 1)`,
      values: [partition, from, to, runId],
    },
    {
      name: 'bump-ledger',
      text: `update ledger set generation = $3, cursor = 0, shadow = null
          where partition = $1 and generation = $2 and generation > 0`,
      values: [partition, from, to],
    },
  ])
}

/**
 * For the owner, before it builds gates: moves rows whose gates are of an older generation to this
 * one. @throws Fenced when one of them has moved already; the others may have been moved. Else the
 * connection's errors.
 */
export async function openGates(
  connection: PipelinedConnection,
  partition: number,
  skus: readonly string[],
  generation: number,
): Promise<void> {
  const opened = await connection.query({
    name: 'open-gates',
    text: `update ledger set generation = $3, cursor = 0, shadow = null
        where sku = any($1::text[]) and generation < $3 and partition = $2 returning sku`,
    values: [skus, partition, generation],
  })
  if (opened.length !== skus.length)
    throw new Fenced('a ledger row moved while its gate was opened')
}

/**
 * For a worker that carries commands out directly: forgets what the gates of all partitions were
 * built on. Their next owner builds them anew. Rejects with the connection's errors.
 */
export async function distrustGates(connection: PipelinedConnection): Promise<void> {
  await connection.query({
    name: 'gates-are-stale',
    text: 'update partitions set run_id = null where run_id is not null',
    values: [],
  })
}
