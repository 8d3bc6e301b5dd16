/**
 * Builds a partition's Redis state anew from PostgreSQL, under a new generation. Safe at any moment of a
 * sale, any number of times: until its last step nobody is admitted, and every step may be run again.
 */
import { isDeepStrictEqual } from 'node:util'
import { Fenced } from '../../actor/actor.ts'
import { fencedCode, type PipelinedConnection, sqlState } from '../../platform/postgres/pipeline.ts'
import type { RedisClient } from '../../platform/redis/client.ts'
import type { SkuState } from '../decide/state.ts'
import { refreshTerms } from '../gate/refresh-terms.ts'
import { closePartition, installGate, openPartition } from '../gate/scripts.ts'
import { type LedgerRow, loadOpened } from '../ledger/read-ledger.ts'
import { holderBits } from '../protocol/holders.ts'
import {
  loadingKeys,
  loadingRequestsKey,
  partitionKeys,
  requestsKey,
  skuKeys,
} from '../protocol/keys.ts'
import { notOnSale, type OfferSource } from '../protocol/offers.ts'
import { commitPass, isRefusedWork, type Work } from './commit-pass.ts'
import { loadBuyers, loadRequests } from './load-from-ledger.ts'
import { MailboxGap, readMailboxes } from './read-mailbox.ts'

export interface RebuildDeps {
  readonly redis: RedisClient
  readonly offers: OfferSource
  readonly holdSeconds: number
  readonly now: () => number
  readonly warn: (message: string) => void
}

export interface Rebuilt {
  readonly generation: number
  readonly states: SkuState[]
}

export async function rebuildPartition(
  deps: RebuildDeps,
  partition: number,
  connection: PipelinedConnection,
): Promise<Rebuilt> {
  const { redis } = deps
  const keys = partitionKeys(partition)
  const seen = await closePartition(redis, keys, { closing: '' })
  const before = await generationOf(connection, partition)
  // PostgreSQL has answered after Redis, so nobody had succeeded us when Redis was looked at. Who does so
  // from here on opens a newer generation than the one that is closed.
  const redisState = await closePartition(redis, keys, { closing: seen.generation })
  if (redisState.open) throw new Fenced(`partition ${partition}: opened by somebody else`)
  await drain(deps, partition, connection, await loadOpened(connection, partition, before))
  const generation = Math.max(before, redisState.generation) + 1
  await bump(connection, partition, before, generation, redisState.runId)

  const opened = (await loadOpened(connection, partition, generation)).map(({ state }) => state)
  await loadRequests({ ...deps, partition, connection, generation }, opened)
  await installGates(deps, partition, connection, opened)
  const places = {
    ...keys,
    today: requestsKey(partition, deps.now(), 0),
    yesterday: requestsKey(partition, deps.now(), 1),
    loadedRequests: loadingRequestsKey(partition, generation),
  }
  if (!(await openPartition(redis, places, { generation, runId: redisState.runId }))) {
    throw new Fenced(`partition ${partition}: Redis has moved past generation ${generation}`)
  }
  return { generation, states: opened }
}

async function generationOf(connection: PipelinedConnection, partition: number): Promise<number> {
  const [row] = await connection.query({
    name: 'partition-generation',
    text: 'select generation::text from partitions where partition = $1',
    values: [partition],
  })
  return Number(row?.generation)
}

/** Builds the gates of SKUs from their ledger rows, whose generation must be the partition's. */
export async function installGates(
  deps: RebuildDeps,
  partition: number,
  connection: PipelinedConnection,
  states: readonly SkuState[],
): Promise<void> {
  if (states.length === 0) return
  const { redis } = deps
  const offers = await deps.offers.offers(states.map(({ sku }) => sku))
  for (const state of states) {
    const offer = offers.get(state.sku) ?? notOnSale(state.sku)
    const { sku, generation } = state
    await loadBuyers({ redis, partition, connection, generation }, sku, offer.terms.pool)
    await installGate(
      redis,
      {
        ...skuKeys(partition, sku),
        ...loadingKeys(partition, sku, generation),
        wanted: partitionKeys(partition).wanted,
        ready: partitionKeys(partition).ready,
      },
      {
        sku,
        generation,
        cursor: state.cursor,
        units: state.free,
        granted: state.granted,
        version: generation * 1_000_000 + 1,
        pool: offer.terms.pool ?? '',
        limit: offer.terms.limit ?? '',
        startsMs: offer.startsAtMs ?? '',
        endsMs: offer.endsAtMs ?? '',
        holderBits: holderBits(state.onHand),
        terms: JSON.stringify(offer.terms),
      },
    )
  }
  // An edit that came after the offers were read found no gate of this generation to tell.
  const now = await deps.offers.offers(states.map(({ sku }) => sku))
  for (const { sku } of states) {
    if (!isDeepStrictEqual(now.get(sku), offers.get(sku))) {
      await refreshTerms(redis, deps.offers, sku)
    }
  }
}

/** Commits what the mailboxes of a closed partition still hold: it was accepted, so it is not lost. */
async function drain(
  deps: RebuildDeps,
  partition: number,
  connection: PipelinedConnection,
  rows: readonly LedgerRow[],
): Promise<void> {
  for (let { state } of rows) {
    try {
      for (;;) {
        const [entries = []] = await readMailboxes(deps.redis, partition, [state])
        if (entries.length === 0) break
        state = await commitOrPass({ ...deps, connection }, { state, entries })
      }
    } catch (error) {
      if (!(error instanceof MailboxGap)) throw error
      deps.warn(`${error.message}: what came after the hole is lost`)
    }
  }
}

/**
 * Commits work and returns the state after it. An entry that is refused is passed over, alone: its partition must
 * not stay closed because of it. What it held is lost, and whoever asks for it is told so.
 */
async function commitOrPass(
  deps: Pick<RebuildDeps, 'holdSeconds' | 'warn'> & { readonly connection: PipelinedConnection },
  { state, entries }: Work,
): Promise<SkuState> {
  try {
    const { decisions } = await commitPass(deps.connection, [{ state, entries }], deps.holdSeconds)
    return decisions[0]?.after ?? state
  } catch (error) {
    if (!isRefusedWork(error)) throw error
    const [first, ...rest] = entries
    if (!first || (first.messages.length === 0 && rest.length === 0)) {
      throw new MailboxGap(`${state.sku}: nothing of it can be committed: ${String(error)}`)
    }
    if (rest.length > 0) {
      let after = state
      for (const entry of entries)
        after = await commitOrPass(deps, { state: after, entries: [entry] })
      return after
    }
    deps.warn(
      `${state.sku}: ${first.messages.length} messages are lost, they are refused: ${String(error)}`,
    )
    return commitOrPass(deps, { state, entries: [{ ...first, messages: [] }] })
  }
}

/** Moves partition and ledger rows to the new generation: fences every batch of the old one in flight. */
async function bump(
  connection: PipelinedConnection,
  partition: number,
  before: number,
  generation: number,
  runId: string,
): Promise<void> {
  try {
    await connection.transaction([
      {
        name: 'bump-partition',
        text: `with moved as (update partitions set generation = $3, run_id = $4
          where partition = $1 and generation = $2 returning 1)
          select expect_rows((select count(*) from moved), 1)`,
        values: [partition, before, generation, runId],
      },
      {
        name: 'bump-ledger',
        text: `update ledger set generation = $3, cursor = 0, shadow = null
          where partition = $1 and generation = $2 and generation > 0`,
        values: [partition, before, generation],
      },
    ])
  } catch (error) {
    if (sqlState(error) === fencedCode)
      throw new Fenced(`partition ${partition}: rebuilt by somebody else`)
    throw error
  }
}
