/** What the stores say about a SKU, and whether all of it agrees. Looks only, and knows no owner. */
import assert from 'node:assert/strict'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { sql } from '../../src/platform/postgres/pool.ts'
import type { RedisClient } from '../../src/platform/redis/client.ts'
import { skuKeys } from '../../src/stock/protocol/keys.ts'
import { partitionOf } from '../../src/stock/protocol/partition.ts'
import { miscountedBuyers, unitsOf } from './purchases/agree.ts'
import { checkoutOf, holdStateOf } from './purchases/find.ts'

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
    return holdStateOf(this.pool, checkoutId, sku)
  }

  /** Status and reason, as in `rejected duplicate`, or null when PostgreSQL does not have it. */
  async statusOf(checkoutId: string): Promise<string | null> {
    const found = await checkoutOf(this.pool, checkoutId)
    if (found === null) return null
    return found.reason === null ? found.status : `${found.status} ${found.reason}`
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

  /** Guarantees 1, 2 and 7 of a SKU at rest: ledger, holds, limits and gate agree to the unit. */
  async assertSound(sku: string): Promise<LedgerFacts> {
    const row = await this.ledger(sku)
    const units = await unitsOf(this.pool, sku)
    assert.deepEqual({ held: row.held, sold: row.sold }, units, `${sku}: ledger and holds`)
    assert.equal(row.on_hand, row.free + row.set_aside + row.held + row.sold, `${sku}: balance`)
    assert.deepEqual(await miscountedBuyers(this.pool), [], `${sku}: limits`)
    if (row.generation > 0) {
      const gate = await this.gateOf(sku)
      assert.equal(gate.generation, row.generation, `${sku}: the gate's generation`)
      assert.equal(gate.units, row.free - (gate.granted - row.granted), `${sku}: the gate's units`)
    }
    return row
  }
}
