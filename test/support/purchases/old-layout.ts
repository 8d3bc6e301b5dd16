/** Purchases in the tables from before an order was one row: one for each way in which they can stand. */
import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'

const none = sql.typeAlias('none')
const at = '2026-05-01T12:00:00.000Z'
const due = '2026-05-01T12:15:00.000Z'

export const oldSeller = newId()
const price = 500

/** What a purchase is in those tables, by the columns that tell it. */
interface OldPurchase {
  readonly checkout: string
  readonly order?: string
  readonly line?: string
  readonly hold?: string
  readonly parts?: number
  /** SKUs that have a hold and a line; default: all. */
  readonly held?: number
  readonly reason?: string
  readonly tombstone?: boolean
  readonly payment?: 'open' | 'succeeded' | 'canceled'
  readonly attempt?: string
  readonly captured?: boolean
  readonly refund?: 'pending' | 'succeeded' | 'failed'
  readonly step?: readonly [step: string, state: string]
  readonly command?: string
  readonly pool?: boolean
}

/** Every case by its name. */
export const oldPurchases: Readonly<Record<string, OldPurchase>> = {
  reserved: { checkout: 'reserved', order: 'awaiting_payment', hold: 'held', pool: true },
  'reserved, two SKUs': {
    ...{ checkout: 'reserved', order: 'awaiting_payment', hold: 'held', parts: 2 },
  },
  paying: {
    ...{ checkout: 'paying', order: 'awaiting_payment', hold: 'held', payment: 'open' },
    ...{ attempt: 'pending', step: ['charge', 'started'] },
  },
  'at the bank': {
    ...{ checkout: 'paying', order: 'awaiting_payment', hold: 'held', payment: 'open' },
    ...{ attempt: 'requires_action', step: ['charge', 'started'] },
  },
  'declined, and reserved again': {
    ...{ checkout: 'reserved', order: 'awaiting_payment', hold: 'held', payment: 'open' },
    ...{ attempt: 'declined', step: ['charge', 'undone'] },
  },
  'paid, not sold yet': {
    ...{ checkout: 'confirmed', order: 'paid', hold: 'held', payment: 'succeeded', captured: true },
    ...{ attempt: 'succeeded', step: ['charge', 'done'], command: 'sell' },
  },
  paid: {
    ...{ checkout: 'confirmed', order: 'paid', hold: 'sold', payment: 'succeeded', captured: true },
    ...{ attempt: 'succeeded', step: ['charge', 'done'], pool: true },
  },
  'one line moved': {
    ...{ checkout: 'confirmed', order: 'paid', line: 'shipped', hold: 'sold', parts: 2 },
    ...{ payment: 'succeeded', captured: true, attempt: 'succeeded' },
  },
  processing: {
    ...{ checkout: 'confirmed', order: 'processing', line: 'processing', hold: 'sold' },
    ...{ payment: 'succeeded', captured: true, attempt: 'succeeded' },
  },
  delivered: {
    ...{ checkout: 'confirmed', order: 'delivered', line: 'delivered', hold: 'sold' },
    ...{ payment: 'succeeded', captured: true, attempt: 'succeeded' },
  },
  'cancelled after it was paid': {
    ...{ checkout: 'confirmed', order: 'cancelled', hold: 'sold', command: 'return' },
    ...{ payment: 'succeeded', captured: true, attempt: 'succeeded', refund: 'pending' },
  },
  'cancelled and refunded': {
    ...{ checkout: 'confirmed', order: 'refunded', line: 'cancelled', hold: 'returned' },
    ...{ payment: 'succeeded', captured: true, attempt: 'succeeded', refund: 'succeeded' },
  },
  expired: { checkout: 'expired', order: 'expired', hold: 'released' },
  'expired, not released yet': {
    ...{ checkout: 'expired', order: 'expired', hold: 'held', command: 'release', pool: true },
  },
  'late money, being reclaimed': {
    ...{ checkout: 'expired', order: 'expired', hold: 'released', payment: 'succeeded' },
    ...{ captured: true, attempt: 'succeeded', step: ['reclaim', 'started'], command: 'reclaim' },
  },
  'late money, refunded': {
    ...{ checkout: 'expired', order: 'refunded', line: 'expired', hold: 'released' },
    ...{ payment: 'succeeded', captured: true, attempt: 'succeeded', refund: 'succeeded' },
    ...{ step: ['reclaim', 'undone'] },
  },
  cancelled: { checkout: 'cancelled', order: 'cancelled', hold: 'released', reason: 'by buyer' },
  'given up by the provider': {
    ...{ checkout: 'payment_failed', order: 'cancelled', hold: 'released', reason: 'declined' },
    ...{ payment: 'canceled', attempt: 'declined' },
  },
  'failed, and refunded all the same': {
    ...{ checkout: 'payment_failed', order: 'refunded', line: 'cancelled', hold: 'released' },
    ...{ payment: 'succeeded', captured: true, attempt: 'succeeded', refund: 'succeeded' },
  },
  'a tombstone': { checkout: 'cancelled', tombstone: true, reason: 'by buyer' },
  'a duplicate': { checkout: 'rejected', tombstone: true, reason: 'duplicate' },
  'over the limit': { checkout: 'rejected', tombstone: true, reason: 'limit' },
  'an assembly that has no part yet': { checkout: 'assembling', parts: 2, held: 0 },
  'an assembly that has one part': { checkout: 'assembling', hold: 'held', parts: 2, held: 1 },
  'an assembly that was given up': {
    ...{ checkout: 'rejected', reason: 'overdue', hold: 'released', parts: 2, held: 1 },
    command: 'release',
  },
  'a part that is void': {
    ...{ checkout: 'cancelled', reason: 'by buyer', hold: 'void', parts: 2, held: 1 },
  },
}

export interface OldRow {
  readonly name: string
  readonly id: string
  readonly buyerId: string
}

/** Writes all of them, with a ledger that agrees; returns their ids. */
export async function writeOldPurchases(q: CommonQueryMethods): Promise<OldRow[]> {
  await q.query(none`
    insert into accounts (id, email, name, role, password_hash)
    values (${oldSeller}, 'seller@example.com', 'A seller', 'seller', '-')`)
  const rows = Object.entries(oldPurchases).map(([name, old]) => {
    const row = { name, id: newId(), buyerId: newId() }
    return { row, old }
  })
  for (const { row, old } of rows) await writeOne(q, row, old)
  const [winner] = rows
  await q.query(none`
    update checkouts set duplicate_of = ${winner?.row.id ?? null} where reason = 'duplicate'`)
  await q.query(none`
    insert into ledger (sku, partition, on_hand, free, held, sold)
    select sku, 1, 100, 100 - held - sold, held, sold from (
      select sku, coalesce(sum(units) filter (where state = 'held'), 0)::int as held,
          coalesce(sum(units) filter (where state = 'sold'), 0)::int as sold from holds group by sku) as sums`)
  await q.query(none`
    insert into buyer_units (pool, buyer_id, units, unit_limit)
    select pool, buyer_id, sum(units), 4 from holds where pool is not null and state in ('held', 'sold') group by 1, 2`)
  return rows.map(({ row }) => row)
}

async function writeOne(
  q: CommonQueryMethods,
  { id, buyerId }: OldRow,
  old: OldPurchase,
): Promise<void> {
  const { order, hold, parts = 1, held = parts, reason = null } = old
  const skus = ['CUP', 'MUG'].slice(0, parts)
  const total = order === undefined ? (old.tombstone || parts > 1 ? 0 : price) : price * parts
  const freed = old.tombstone === true || (old.checkout === 'rejected' && parts > 1)
  await q.query(none`
    insert into checkouts (id, buyer_id, idempotency_key, fingerprint, status, total, currency, expires_at, reason,
        created_at)
    values (${id}, ${buyerId}, ${freed ? null : id}, 'CUP*1', ${old.checkout}, ${total},
      ${order === undefined ? null : 'EUR'}, ${old.tombstone ? null : due}, ${reason}, ${at})`)
  if (order !== undefined) {
    await q.query(none`
      insert into orders (id, buyer_id, status, total, currency, created_at)
      values (${id}, ${buyerId}, ${order}, ${total}, 'EUR', ${at})`)
    if (order === 'refunded' && old.line === 'cancelled') {
      await q.query(none`
        insert into order_history (order_id, from_status, to_status, reason)
        values (${id}, 'paid', 'cancelled', 'a test')`)
    }
  }
  for (const [i, sku] of old.tombstone ? [] : skus.entries()) {
    const line = i === 0 || !old.line ? (old.line ?? order) : order
    if (parts > 1) {
      await q.query(none`
        insert into checkout_parts (checkout_id, sku, units) values (${id}, ${sku}, 1)`)
    }
    if (order !== undefined && line !== undefined) {
      await q.query(none`
        insert into order_lines (order_id, sku, title, seller_id, quantity, unit_price, status)
        values (${id}, ${sku}, 'A thing', ${oldSeller}, 1, ${price}, ${line})`)
    }
    if (hold !== undefined && i < held) await writeHold(q, { id, buyerId }, sku, old, hold)
    if (old.command !== undefined) {
      await q.query(none`
        insert into stock_commands (id, partition, sku, kind, checkout_id, reason)
        values (${newId()}, 1, ${sku}, ${old.command}, ${id}, 'a test')`)
    }
  }
  await writeMoney(q, id, total, old)
}

async function writeHold(
  q: CommonQueryMethods,
  { id, buyerId }: Pick<OldRow, 'id' | 'buyerId'>,
  sku: string,
  { pool = false }: OldPurchase,
  state: string,
): Promise<void> {
  const tombstone = state === 'void'
  await q.query(none`
    insert into holds (checkout_id, sku, units, unit_price, pool, buyer_id, title, seller_id, state)
    values (${id}, ${sku}, ${tombstone ? 0 : 1}, ${tombstone ? 0 : price}, ${pool ? 'a sale' : null}, ${buyerId},
      ${tombstone ? '' : 'A thing'}, ${tombstone ? null : oldSeller}, ${state})`)
}

async function writeMoney(
  q: CommonQueryMethods,
  id: string,
  total: number,
  { payment, attempt, captured = false, refund, step }: OldPurchase,
): Promise<void> {
  if (payment !== undefined) {
    await q.query(none`
      insert into payments (checkout_id, intent_id, amount, currency, status, captured, refunded, updated_at)
      values (${id}, ${`pi_${id}`}, ${total}, 'EUR', ${payment}, ${captured ? total : 0},
        ${refund === 'succeeded' ? total : 0}, ${at})`)
  }
  if (attempt !== undefined) {
    await q.query(none`
      insert into payment_attempts (checkout_id, attempt, payment_method_id, state, created_at)
      values (${id}, 1, 'pm_card_visa', ${attempt}, ${at})`)
  }
  if (refund !== undefined) {
    await q.query(none`
      insert into refunds (id, checkout_id, amount, reason, state) values (${newId()}, ${id}, ${total}, 'a test', ${refund})`)
  }
  if (step !== undefined) {
    await q.query(none`
      insert into saga_journal (checkout_id, step, state, started_at) values (${id}, ${step[0]}, ${step[1]}, ${at})`)
  }
}

const View = z.object({
  status: z.string(),
  orderId: z.string().nullable(),
  total: z.number().nullable(),
  currency: z.string().nullable(),
  items: z.unknown(),
  order: z.unknown(),
})

/** What the code of those tables showed of a checkout and its order. */
export const oldViewOf = (q: CommonQueryMethods, id: string) =>
  q.one(sql.type(View)`
    select case when c.status = 'assembling' then 'queued' else c.status end as status, o.id as "orderId",
      o.total, c.currency,
      coalesce((select jsonb_agg(jsonb_build_object('sku', l.sku, 'quantity', l.quantity,
          'unitPrice', l.unit_price) order by l.sku)
        from order_lines l where l.order_id = c.id),
      (select jsonb_agg(jsonb_build_object('sku', p.sku, 'quantity', p.units) order by p.sku)
        from checkout_parts p where p.checkout_id = c.id), '[]') as items,
      (select jsonb_build_object('number', o.number, 'status', o.status, 'lines',
          (select jsonb_agg(jsonb_build_array(l.sku, l.title, l.status) order by l.sku)
            from order_lines l where l.order_id = o.id)) where o.id is not null) as order
    from checkouts c left join orders o on o.id = c.id where c.id = ${id}`)

/** Every row of those tables, in one order. Compare it whole. */
export const oldRows = (q: CommonQueryMethods) =>
  q.one(sql.type(z.object({ rows: z.unknown() }))`
    select jsonb_build_object(
      'checkouts', (select jsonb_agg(c order by id) from checkouts c),
      'orders', (select jsonb_agg(o order by id) from orders o),
      'holds', (select jsonb_agg(h order by checkout_id, sku) from holds h),
      'lines', (select jsonb_agg(l order by order_id, sku) from order_lines l),
      'parts', (select jsonb_agg(p order by checkout_id, sku) from checkout_parts p
        where not exists (select from orders o where o.id = p.checkout_id)),
      'started', (select jsonb_agg(jsonb_build_array(checkout_id, step, started_at) order by checkout_id)
        from saga_journal where state = 'started')) as rows`)
