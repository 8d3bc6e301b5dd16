/** What the stores say about a SKU, and whether all of it agrees. Looks only, and knows no owner. */
import assert from 'node:assert/strict'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { sql } from '../../src/platform/postgres/pool.ts'
import type { RedisClient } from '../../src/platform/redis/client.ts'
import { skuKeys } from '../../src/stock/keys.ts'
import { partitionOf } from '../../src/stock/partition.ts'

const LedgerRow = z.object({
  on_hand: z.number(),
  free: z.number(),
  set_aside: z.number(),
  held: z.number(),
  sold: z.number(),
  granted: z.number(),
  generation: z.number(),
  cursor: z.number(),
})
export type LedgerFacts = z.infer<typeof LedgerRow>

export interface GateFacts {
  readonly units: number
  readonly granted: number
  readonly generation: number
}
const Sums = z.object({ held: z.number(), sold: z.number() })

export class StockFacts {
  readonly pool: DatabasePool
  /** The owners' connection. */
  readonly redis: RedisClient

  constructor(pool: DatabasePool, redis: RedisClient) {
    this.pool = pool
    this.redis = redis
  }

  async ledger(sku: string): Promise<LedgerFacts> {
    return this.pool.one(sql.type(LedgerRow)`
      select on_hand, free, set_aside, held, sold, granted, generation, cursor from ledger where sku = ${sku}`)
  }

  async gateOf(sku: string): Promise<GateFacts> {
    const values = await this.redis.hmget(
      skuKeys(partitionOf(sku), sku).gate,
      'units',
      'granted',
      'generation',
    )
    const [units, granted, generation] = values.map(Number) as [number, number, number]
    return { units, granted, generation }
  }

  /** What the gate counts for a buyer. */
  async counted(sku: string, buyerId: string): Promise<number> {
    return Number((await this.redis.hget(skuKeys(partitionOf(sku), sku).buyers, buyerId)) ?? 0)
  }

  async holdState(checkoutId: string, sku: string): Promise<string | null> {
    return this.pool.maybeOneFirst(sql.type(z.object({ state: z.string() }))`
      select state from holds where checkout_id = ${checkoutId} and sku = ${sku}`)
  }

  /** Status and reason, as in `rejected duplicate`, or null when PostgreSQL does not have it. */
  async statusOf(checkoutId: string): Promise<string | null> {
    return this.pool.maybeOneFirst(sql.type(z.object({ status: z.string() }))`
      select concat_ws(' ', status, reason) as status from checkouts where id = ${checkoutId}`)
  }

  async openCommands(): Promise<number> {
    const { count } = await this.pool.one(sql.typeAlias('count')`
      select count(*)::int as count from stock_commands where done_at is null`)
    return count
  }

  async outcomeOf(commandId: string): Promise<string | null> {
    return this.pool.oneFirst(sql.type(z.object({ outcome: z.string().nullable() }))`
      select outcome from stock_commands where id = ${commandId}`)
  }

  /** Promises 1, 2 and 7 of a SKU at rest: ledger, holds, limits and gate agree to the unit. */
  async assertSound(sku: string): Promise<LedgerFacts> {
    const row = await this.ledger(sku)
    const holds = await this.pool.one(sql.type(Sums)`
      select coalesce(sum(units) filter (where state = 'held'), 0)::int as held,
        coalesce(sum(units) filter (where state = 'sold'), 0)::int as sold from holds where sku = ${sku}`)
    assert.deepEqual({ held: row.held, sold: row.sold }, holds, `${sku}: ledger and holds`)
    assert.equal(row.on_hand, row.free + row.set_aside + row.held + row.sold, `${sku}: balance`)
    const strays = await this.pool.any(sql.type(z.object({ buyer: z.string() }))`
      select buyer_id::text as buyer from (
        select pool, buyer_id, sum(units) as units from holds
         where pool is not null and state in ('held', 'sold') group by 1, 2) h
      full join buyer_units b using (pool, buyer_id)
      where coalesce(h.units, 0) <> coalesce(b.units, 0) or b.units > b.unit_limit`)
    assert.deepEqual(strays, [], `${sku}: limits`)
    if (row.generation > 0) {
      const gate = await this.gateOf(sku)
      assert.equal(gate.generation, row.generation, `${sku}: the gate's generation`)
      assert.equal(gate.units, row.free - (gate.granted - row.granted), `${sku}: the gate's units`)
    }
    return row
  }
}
