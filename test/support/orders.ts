/** A shop in which orders are placed, looked at and moved over HTTP. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { readAudit } from '../../src/audit/audit-log.ts'
import { newId } from '../../src/kernel/ids.ts'
import type { OrderView } from '../../src/orders/orders.ts'
import { sql } from '../../src/platform/postgres/pool.ts'
import { eventually } from './eventually.ts'
import { type PayingOptions, startPayingSystem } from './paying.ts'
import type { Answer } from './system.ts'

export interface OrderAnswer extends Omit<Answer, 'body'> {
  readonly body: OrderView & { readonly code: string; readonly detail: string }
}

export interface Item {
  readonly sku: string
  readonly quantity: number
}

export type OrderSystem = Awaited<ReturnType<typeof startOrderSystem>>

export async function startOrderSystem(t: TestContext, options: PayingOptions = {}) {
  const shop = await startPayingSystem(t, options)
  const asOrder = async (answer: Promise<Answer>): Promise<OrderAnswer> => {
    const { body, ...rest } = await answer
    return { ...rest, body: JSON.parse(JSON.stringify(body)) }
  }
  const buy = (
    buyer: string,
    items: readonly Item[],
    {
      key = newId(),
      url = shop.url,
      ...more
    }: { key?: string; url?: string; paymentMethodId?: string; shipTo?: object } = {},
  ) =>
    // A shop that is just starting may have to be asked again, as its answer says.
    eventually(async () => {
      const headers = { 'idempotency-key': key }
      const body = { items, ...more }
      const answer = await shop.call('POST', '/api/orders', { buyer, url, headers, body })
      assert.notEqual(answer.body.code, 'overloaded')
      return answer
    })
  const look = (id: string, buyer: string, role: 'buyer' | 'seller' | 'admin' = 'buyer') =>
    asOrder(shop.call('GET', `/api/orders/${id}`, { buyer, role }))
  return {
    ...shop,
    /** POST /api/orders. */
    buy,
    look,
    /** A paid order of a new buyer. */
    async paid(items: readonly Item[], more: { shipTo?: object } = {}) {
      const buyer = newId()
      const placed = await buy(buyer, items, { paymentMethodId: 'pm_card_visa', ...more })
      assert.equal(placed.status, 201, JSON.stringify(placed.body))
      assert.equal(placed.body.status, 'paid')
      return { buyer, id: placed.body.orderId as string }
    },
    /** Changes the price in the catalogue, behind the shop's back. */
    reprice: (sku: string, price: number) =>
      shop.pool.query(sql.typeAlias('none')`
        update variants set price = ${price} where sku = ${sku}`),
    /** What the audit log says of one thing, the oldest first. */
    async audited(subject: string): Promise<string[]> {
      const rows = await readAudit(shop.pool, { limit: 100, before: null, subject })
      return rows.map(({ action }) => action).reverse()
    },
    /** The statuses of a buyer's orders, the newest first. */
    async statusesOf(buyer: string): Promise<string[]> {
      const { body } = await shop.call('GET', '/api/orders', { buyer })
      return JSON.parse(JSON.stringify(body.items)).map(({ status }: OrderView) => status)
    },
    cancel: (id: string, buyer: string) =>
      asOrder(shop.call('PUT', `/api/orders/${id}/cancel`, { buyer })),
    move: (id: string, seller: string, status: string) =>
      asOrder(
        shop.call('PATCH', `/api/orders/${id}/status`, {
          buyer: seller,
          role: 'seller',
          body: { status },
        }),
      ),
    ship: (shipmentId: string, seller: string, body: object = { status: 'shipped' }) =>
      asOrder(
        shop.call('PATCH', `/api/shipments/${shipmentId}`, { buyer: seller, role: 'seller', body }),
      ),
    /** Waits until the buyer sees the order as `check` wants it. */
    seen: (id: string, buyer: string, check: (order: OrderAnswer['body']) => void) =>
      eventually(async () => {
        const { status, body } = await look(id, buyer)
        assert.equal(status, 200)
        check(body)
        return body
      }),
  }
}
