/** Turns the decisions of one pass over a partition into one transaction: all of it, or none. */
import type { Row, Statement } from '../../platform/postgres/pipeline.ts'
import type { BuyerUnits, Decision } from '../decide/decide.ts'
import { type Reserve, sameTerms, type Terms } from '../protocol/messages.ts'

/**
 * The statements of a batch, in the order they must run. The first is the fence: it moves the ledger
 * rows from the cursor they were read at, and fails the transaction when one of them has moved.
 */
export function batchStatements(decisions: readonly Decision[], holdSeconds: number): Statement[] {
  const reserved = decisions.flatMap((decision) =>
    decision.reserved.map((reserve) => ({ sku: decision.after.sku, reserve })),
  )
  const whole = reserved.filter(({ reserve }) => reserve.key !== null)
  const statements = [moveLedger(decisions, holdSeconds)]
  const add = (rows: readonly unknown[], statement: () => Statement) => {
    if (rows.length > 0) statements.push(statement())
  }
  const parts = reserved.filter(({ reserve }) => reserve.key === null)
  add(whole, () => insertCheckouts(whole, holdSeconds))
  add(parts, () => insertHolds(parts))
  const rejected = decisions.flatMap((decision) => decision.rejected)
  const refused = rejected.filter(({ reserve }) => reserve.key !== null)
  add(refused, () => ({
    name: 'insert-rejected',
    text: `insert into checkouts (id, buyer_id, fingerprint, status, reason, duplicate_of)
      select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[])
      on conflict (id) do nothing`,
    values: [
      refused.map(({ reserve }) => reserve.checkoutId),
      refused.map(({ reserve }) => reserve.buyerId),
      refused.map(({ reserve }) => reserve.fingerprint),
      refused.map(() => 'rejected'),
      refused.map(({ reason }) => reason),
      refused.map(({ duplicateOf }) => duplicateOf),
    ],
  }))
  const moved = decisions.flatMap((decision) =>
    decision.moved.map((hold) => ({ sku: decision.after.sku, hold })),
  )
  add(moved, () => ({
    name: 'move-holds',
    text: `insert into holds (checkout_id, sku, units, unit_price, buyer_id, state)
      select id, sku, units, 0, coalesce(buyer, id), state
        from unnest($1::uuid[], $2::text[], $3::int[], $4::uuid[], $5::text[]) as moved (id, sku, units, buyer, state)
      on conflict (checkout_id, sku) do update set state = excluded.state`,
    values: [
      moved.map(({ hold }) => hold.checkoutId),
      moved.map(({ sku }) => sku),
      moved.map(({ hold }) => hold.units),
      moved.map(({ hold }) => (hold.buyerId === '' ? null : hold.buyerId)),
      moved.map(({ hold }) => hold.state),
    ],
  }))
  const counts = decisions.flatMap((decision) => [...decision.buyerUnits.values()])
  const up = counts.filter(({ delta }) => delta > 0)
  const down = counts.filter(({ delta }) => delta < 0)
  add(up, () => countUp(up))
  add(down, () => countDown(down))
  const closed = decisions.flatMap((decision) => decision.closed)
  add(closed, () => ({
    name: 'close-commands',
    text: `update stock_commands c set done_at = now(), outcome = n.outcome
        from unnest($1::uuid[], $2::text[]) as n (id, outcome) where c.id = n.id`,
    values: [closed.map(({ id }) => id), closed.map(({ outcome }) => outcome)],
  }))
  return statements
}

/** Reads the deadline that the fence statement returned: by PostgreSQL's clock, as of this transaction. */
export function deadlineOf(rows: readonly Row[][]): Date {
  return rows[0]?.[0]?.deadline as Date
}

function moveLedger(decisions: readonly Decision[], holdSeconds: number): Statement {
  const column = <T>(pick: (decision: Decision) => T) => decisions.map(pick)
  return {
    name: 'move-ledger',
    text: `with moved as (
      update ledger l set on_hand = n.on_hand, free = n.free, held = n.held, sold = n.sold,
          granted = n.granted, cursor = n.cursor, shadow = n.shadow
        from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::int[], $6::int[], $7::int[],
          $8::int[], $9::bigint[], $10::jsonb[])
          as n (sku, generation, cursor_before, cursor, on_hand, free, held, sold, granted, shadow)
       where l.sku = n.sku and l.generation = n.generation and l.cursor = n.cursor_before
      returning 1)
      select expect_rows((select count(*) from moved), $11::bigint),
        now() + make_interval(secs => $12) as deadline`,
    values: [
      column(({ after }) => after.sku),
      column(({ after }) => after.generation),
      column(({ before }) => before.cursor),
      column(({ after }) => after.cursor),
      column(({ after }) => after.onHand),
      column(({ after }) => after.free),
      column(({ after }) => after.held),
      column(({ after }) => after.sold),
      column(({ after }) => after.granted),
      column(({ shadow }) => (shadow.size === 0 ? null : JSON.stringify([...shadow]))),
      decisions.length,
      holdSeconds,
    ],
  }
}

interface Reserved {
  readonly sku: string
  readonly reserve: Reserve
}

interface Offer {
  readonly sku: string
  readonly terms: Terms
}

/** What the rows were sold as, each offer once for all rows in turn that have it, and the number of each row's. */
function offersOf(rows: readonly Reserved[]): { offers: Offer[]; numbers: number[] } {
  const offers: Offer[] = []
  const numbers = rows.map(({ sku, reserve: { terms } }) => {
    const last = offers.at(-1)
    if (last?.sku !== sku || !sameTerms(last.terms, terms)) offers.push({ sku, terms })
    return offers.length
  })
  return { offers, numbers }
}

/**
 * Checkout, hold, order and line of each reserve, from one set of arrays in one statement: sending and
 * planning four cost more than writing the rows.
 */
function insertCheckouts(rows: readonly Reserved[], holdSeconds: number): Statement {
  const { offers, numbers } = offersOf(rows)
  return {
    name: 'insert-checkouts',
    text: `with n as materialized (
        select id, buyer, key, fingerprint, units, ($8::text[])[offer] as sku, ($9::int[])[offer] as price,
            ($10::text[])[offer] as currency, ($11::text[])[offer] as pool, ($12::text[])[offer] as title,
            ($13::uuid[])[offer] as seller, units::bigint * ($9::int[])[offer] as total
          from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::int[], $6::int[])
            as r (id, buyer, key, fingerprint, units, offer)),
      c as (
        insert into checkouts (id, buyer_id, idempotency_key, fingerprint, status, total, currency, expires_at)
        select id, buyer, key, fingerprint, 'reserved', total, currency, now() + make_interval(secs => $7)
          from n),
      h as (
        insert into holds (checkout_id, sku, units, unit_price, pool, buyer_id, title, seller_id, state)
        select id, sku, units, price, pool, buyer, title, seller, 'held' from n),
      o as (
        insert into orders (id, buyer_id, status, total, currency)
        select id, buyer, 'awaiting_payment', total, currency from n)
      insert into order_lines (order_id, sku, title, seller_id, quantity, unit_price, status)
      select id, sku, title, seller, units, price, 'awaiting_payment' from n`,
    values: [
      rows.map(({ reserve }) => reserve.checkoutId),
      rows.map(({ reserve }) => reserve.buyerId),
      rows.map(({ reserve }) => reserve.key),
      rows.map(({ reserve }) => reserve.fingerprint),
      rows.map(({ reserve }) => reserve.units),
      numbers,
      holdSeconds,
      offers.map(({ sku }) => sku),
      offers.map(({ terms }) => terms.price),
      offers.map(({ terms }) => terms.currency),
      offers.map(({ terms }) => terms.pool),
      offers.map(({ terms }) => terms.title),
      offers.map(({ terms }) => terms.sellerId),
    ],
  }
}

/** Parts of checkouts over several SKUs: their checkout has its row, and their order comes with the decision. */
function insertHolds(rows: readonly Reserved[]): Statement {
  return {
    name: 'insert-holds',
    text: `insert into holds (checkout_id, sku, units, unit_price, pool, buyer_id, title, seller_id, state)
      select id, sku, units, price, pool, buyer, title, seller, 'held'
        from unnest($1::uuid[], $2::text[], $3::int[], $4::int[], $5::text[], $6::uuid[], $7::text[], $8::uuid[])
          as n (id, sku, units, price, pool, buyer, title, seller)`,
    values: [
      rows.map(({ reserve }) => reserve.checkoutId),
      rows.map(({ sku }) => sku),
      rows.map(({ reserve }) => reserve.units),
      rows.map(({ reserve }) => reserve.terms.price),
      rows.map(({ reserve }) => reserve.terms.pool),
      rows.map(({ reserve }) => reserve.buyerId),
      rows.map(({ reserve }) => reserve.terms.title),
      rows.map(({ reserve }) => reserve.terms.sellerId),
    ],
  }
}

function countUp(counts: readonly BuyerUnits[]): Statement {
  return {
    name: 'count-up',
    text: `insert into buyer_units as b (pool, buyer_id, units, unit_limit)
      select * from unnest($1::text[], $2::uuid[], $3::int[], $4::int[])
      on conflict (pool, buyer_id) do update
        set units = b.units + excluded.units, unit_limit = excluded.unit_limit`,
    values: [
      counts.map(({ pool }) => pool),
      counts.map(({ buyerId }) => buyerId),
      counts.map(({ delta }) => delta),
      counts.map(({ limit }) => limit),
    ],
  }
}

function countDown(counts: readonly BuyerUnits[]): Statement {
  return {
    name: 'count-down',
    // A count that is too low already must not stop whoever gives units back.
    text: `update buyer_units b set units = greatest(b.units + n.delta, 0)
        from unnest($1::text[], $2::uuid[], $3::int[]) as n (pool, buyer, delta)
       where b.pool = n.pool and b.buyer_id = n.buyer`,
    values: [
      counts.map(({ pool }) => pool),
      counts.map(({ buyerId }) => buyerId),
      counts.map(({ delta }) => delta),
    ],
  }
}
