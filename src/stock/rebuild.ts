/**
 * Builds a partition's Redis state anew from PostgreSQL, under a new generation. Safe at any moment of a
 * sale, any number of times: until its last step nobody is admitted, and every step may be run again.
 */
import { Fenced } from '../actor/actor.ts'
import { fencedCode, type PipelinedConnection, sqlState } from '../platform/postgres/pipeline.ts'
import type { RedisClient } from '../platform/redis/client.ts'
import { firstIdAt, partitionDigits } from './checkout-id.ts'
import { commitPass } from './commit-pass.ts'
import type { SkuState } from './decide.ts'
import { closePartition, installGate, openPartition } from './gate-scripts.ts'
import { holderBits, holderPositions } from './holders.ts'
import { partitionKeys, requestsKey, skuKeys } from './keys.ts'
import { type LedgerRow, loadOpened } from './ledger.ts'
import type { Offer, OfferSource } from './offers.ts'
import { MailboxGap, readMailboxes } from './read-mailbox.ts'
import { requestField, requestRecord } from './request-record.ts'

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

const chunk = 500

export async function rebuildPartition(
  deps: RebuildDeps,
  partition: number,
  connection: PipelinedConnection,
): Promise<Rebuilt> {
  const { redis } = deps
  const keys = partitionKeys(partition)
  const redisState = await closePartition(redis, keys, { check: 0 })
  const [row] = await connection.query({
    name: 'partition-generation',
    text: 'select generation::text from partitions where partition = $1',
    values: [partition],
  })
  const before = Number(row?.generation)
  await drain(deps, partition, connection, await loadOpened(connection, partition, before))
  const generation = Math.max(before, redisState.generation) + 1
  await bump(connection, partition, before, generation, redisState.runId)

  const opened = (await loadOpened(connection, partition, generation)).map(({ state }) => state)
  await loadRequests(deps, partition, connection, opened)
  await installGates(deps, partition, connection, opened)
  if (!(await openPartition(redis, keys, { generation, runId: redisState.runId }))) {
    throw new Fenced(`partition ${partition}: Redis has moved past generation ${generation}`)
  }
  return { generation, states: opened }
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
    await loadBuyers(redis, partition, connection, state.sku, offer.terms.pool)
    await installGate(
      redis,
      {
        ...skuKeys(partition, state.sku),
        wanted: partitionKeys(partition).wanted,
        ready: partitionKeys(partition).ready,
      },
      {
        sku: state.sku,
        generation: state.generation,
        cursor: state.cursor,
        units: state.free,
        granted: state.granted,
        version: state.generation * 1_000_000 + 1,
        limit: offer.terms.limit ?? '',
        startsMs: offer.startsAtMs ?? '',
        endsMs: offer.endsAtMs ?? '',
        holderBits: holderBits(state.onHand),
        terms: JSON.stringify(offer.terms),
      },
    )
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
        const { decisions } = await commitPass(connection, [{ state, entries }], deps.holdSeconds)
        state = decisions[0]?.after ?? state
      }
    } catch (error) {
      if (!(error instanceof MailboxGap)) throw error
      deps.warn(`${error.message}: what came after the hole is lost`)
    }
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

async function loadBuyers(
  redis: RedisClient,
  partition: number,
  connection: PipelinedConnection,
  sku: string,
  pool: string | null,
): Promise<void> {
  const key = skuKeys(partition, sku).buyers
  await redis.del(key)
  if (pool === null) return
  let after = '00000000-0000-0000-0000-000000000000'
  for (;;) {
    const rows = await connection.query({
      name: 'buyers-of-pool',
      text: `select buyer_id, units from buyer_units where pool = $1 and buyer_id > $2 and units > 0
        order by buyer_id limit ${chunk}`,
      values: [pool, after],
    })
    if (rows.length === 0) return
    await redis.hset(key, ...rows.flatMap((row) => [row.buyer_id as string, row.units as number]))
    after = rows.at(-1)?.buyer_id as string
  }
}

/** The idempotency records and holders of the last day. The key's place in PostgreSQL decides; this is its cache. */
async function loadRequests(
  deps: RebuildDeps,
  partition: number,
  connection: PipelinedConnection,
  states: readonly SkuState[],
): Promise<void> {
  const { redis } = deps
  const today = requestsKey(partition, deps.now(), 0)
  const bits = new Map(states.map(({ sku, onHand }) => [sku, holderBits(onHand)]))
  await redis.del(
    today,
    requestsKey(partition, deps.now(), 1),
    ...states.map(({ sku }) => skuKeys(partition, sku).holders),
  )
  if (states.length === 0) return
  let after = firstIdAt(deps.now() - 86_400_000)
  for (;;) {
    const rows = await connection.query({
      name: 'recent-requests',
      text: `select c.id, c.buyer_id, c.idempotency_key, c.fingerprint, h.sku
          from (select * from checkouts where id > $1 and substr(id::text, 16, 3) = $2
                 order by id limit ${chunk * 4}) c
          left join holds h on h.checkout_id = c.id
         order by c.id`,
      // The id of a checkout carries its partition; see checkout-id.ts.
      values: [after, partitionDigits(partition)],
    })
    const last = rows.at(-1)
    if (!last) break
    after = last.id as string
    const pipeline = redis.pipeline()
    for (const { id, buyer_id, idempotency_key, fingerprint, sku } of rows as Record<
      string,
      string
    >[]) {
      const size = bits.get(sku as string)
      if (size !== undefined) {
        for (const at of holderPositions(buyer_id as string, size)) {
          pipeline.setbit(skuKeys(partition, sku as string).holders, at, 1)
        }
        if (idempotency_key !== null && bits.has(sku as string)) {
          const field = requestField(buyer_id as string, idempotency_key as string)
          pipeline.hset(today, field, requestRecord(id as string, fingerprint as string))
        }
      }
    }
    await pipeline.exec()
  }
  await redis.expire(today, 172_800)
}

function notOnSale(sku: string): Offer {
  const terms = { price: 0, currency: 'XXX', title: sku, sellerId: null, pool: null, limit: null }
  return { sku, terms, startsAtMs: null, endsAtMs: 1 }
}
