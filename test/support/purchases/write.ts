/** Purchases of any number, written to PostgreSQL in the state that a test begins with. No ledger is touched. */
import type { CommonQueryMethods } from 'slonik'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'

const none = sql.typeAlias('none')

export interface NewCheckout {
  readonly id: string
  readonly buyerId: string
}

/** Checkouts to be, each of a buyer of its own. */
export const newCheckouts = (count: number): NewCheckout[] =>
  Array.from({ length: count }, () => ({ id: newId(), buyerId: newId() }))

const named = (checkouts: readonly NewCheckout[]) =>
  sql.unnest(
    checkouts.map(({ id, buyerId }) => [id, buyerId]),
    ['uuid', 'uuid'],
  )

export interface ReservedOptions {
  readonly sku: string
  /** Minor units of EUR. */
  readonly price: number
  /** From now on; below zero: the deadline has passed. */
  readonly expiresInSeconds: number
}

/** Reserved checkouts of one unit each: held, with an order that waits for its payment. */
export async function writeReserved(
  q: CommonQueryMethods,
  checkouts: readonly NewCheckout[],
  { sku, price, expiresInSeconds }: ReservedOptions,
): Promise<void> {
  await q.query(none`
    with made as (select * from ${named(checkouts)} as made (id, buyer)),
    o as (
      insert into orders (id, number, buyer_id, idempotency_key, state, total, currency, expires_at)
      select id, nextval('order_numbers'), buyer, id::text, 'reserved', ${price}::int, 'EUR',
        now() + make_interval(secs => ${expiresInSeconds}) from made)
    insert into order_lines (order_id, sku, title, quantity, unit_price, stock)
    select id, ${sku}, 'Thing', 1, ${price}::int, 'held' from made`)
}

/** Checkouts that are being assembled of one unit of each SKU, none of which is held yet. */
export async function writeAssemblies(
  q: CommonQueryMethods,
  checkouts: readonly NewCheckout[],
  { skus, expiresInSeconds }: { readonly skus: readonly string[]; expiresInSeconds: number },
): Promise<void> {
  await q.query(none`
    with made as (select * from ${named(checkouts)} as made (id, buyer)),
    o as (
      insert into orders (id, buyer_id, idempotency_key, state, expires_at)
      select id, buyer, id::text, 'assembling', now() + make_interval(secs => ${expiresInSeconds})
        from made)
    insert into order_lines (order_id, sku, quantity, stock)
    select id, sku, 1, 'asked' from made, unnest(${sql.array([...skus], 'text')}) as sku`)
}

/** Holds one unit of a SKU for each assembly, as its owner's commit does; prices in minor units. */
export async function holdParts(
  q: CommonQueryMethods,
  assemblies: readonly string[],
  { sku, price }: { readonly sku: string; readonly price: number },
): Promise<void> {
  await q.query(none`
    insert into order_lines (order_id, sku, quantity, unit_price, stock)
    select id, ${sku}, 1, ${price}::int, 'held' from unnest(${sql.array([...assemblies], 'uuid')}) as id
    on conflict (order_id, sku) do update set stock = excluded.stock, unit_price = excluded.unit_price`)
}

/** Checkouts that were cancelled before their reserve came: whatever still comes for them is void. */
export async function writeTombstones(
  q: CommonQueryMethods,
  checkouts: readonly NewCheckout[],
): Promise<void> {
  await q.query(none`
    insert into orders (id, buyer_id, state, outcome)
    select id, buyer, 'cancelled', 'cancelled' from ${named(checkouts)} as made (id, buyer)`)
}

export interface PaidLine {
  readonly sku: string
  readonly title: string
  readonly units: number
  /** Minor units of EUR. */
  readonly unitPrice: number
}

/** A paid order of a buyer, as mails and recommendations see it: without the checkout and the money behind it. */
export async function writePaidOrder(
  q: CommonQueryMethods,
  buyerId: string,
  lines: readonly PaidLine[],
): Promise<string> {
  const id = newId()
  const total = lines.reduce((sum, { units, unitPrice }) => sum + units * unitPrice, 0)
  await q.query(none`
    insert into orders (id, number, buyer_id, state, outcome, total, currency)
    values (${id}, nextval('order_numbers'), ${buyerId}, 'paid', 'confirmed', ${total}, 'EUR')`)
  await q.query(none`
    insert into order_lines (order_id, sku, title, quantity, unit_price, stock)
    select ${id}::uuid, l.*, 'sold' from ${sql.unnest(
      lines.map(({ sku, title, units, unitPrice }) => [sku, title, units, unitPrice]),
      ['text', 'text', 'int4', 'int4'],
    )} as l`)
  return id
}
