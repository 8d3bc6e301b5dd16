/** Turns the decisions of one pass over a partition into one transaction: all of it, or none. */
import type { Row, Statement } from '../../platform/postgres/pipeline.ts'
import type { BuyerUnits, Decision, Hold, Rejected, SkuState } from '../decide/state.ts'
import { type Reserve, sameTerms, type Terms } from '../protocol/messages.ts'

/**
 * For PgLedger, when an owner commits: the statements of a batch, in the order they must run. The
 * first is the fence: it moves the ledger rows from the cursor they were read at, and fails the
 * transaction when one has moved. It writes the new orders as well, and is all there is to a batch
 * of orders without limits. New holds last `holdSeconds` seconds. Makes SQL only, and never throws.
 */
export function batchStatements(decisions: readonly Decision[], holdSeconds: number): Statement[] {
  const reserved = decisions.flatMap((decision) =>
    decision.reserved.map((reserve) => ({ sku: decision.after.sku, reserve })),
  )
  const whole = reserved.filter(({ reserve }) => reserve.key !== null)
  const statements = [moveLedger(decisions, holdSeconds, whole)]
  const add = (rows: readonly unknown[], statement: () => Statement) => {
    if (rows.length > 0) statements.push(statement())
  }
  const parts = reserved.filter(({ reserve }) => reserve.key === null)
  add(parts, () => holdParts(parts))
  const rejected = decisions.flatMap((decision) => decision.rejected)
  const refused = rejected.filter(({ reserve }) => reserve.key !== null)
  add(refused, () => insertRejected(refused))
  const moved = decisions.flatMap((decision) =>
    decision.moved.map((hold) => ({ sku: decision.after.sku, hold })),
  )
  add(moved, () => moveStock(moved))
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

/**
 * For PgLedger: reads from the replies when the batch's holds end. The fence statement returned it,
 * by PostgreSQL's clock as of this transaction. Never throws.
 */
export function deadlineOf(rows: readonly Row[][]): Date {
  return rows[0]?.[0]?.deadline as Date
}

/**
 * The fence, and the whole row: a field of SkuState that is not written here does not compile. The
 * orders come with it, because sending and planning statements costs more than writing rows.
 */
function moveLedger(
  decisions: readonly Decision[],
  holdSeconds: number,
  orders: readonly Reserved[],
): Statement {
  const column = <T>(pick: (decision: Decision) => T) => decisions.map(pick)
  const row = {
    sku: column(({ after }) => after.sku),
    generation: column(({ after }) => after.generation),
    cursor: column(({ after }) => after.cursor),
    onHand: column(({ after }) => after.onHand),
    free: column(({ after }) => after.free),
    setAside: column(({ after }) => after.setAside),
    held: column(({ after }) => after.held),
    sold: column(({ after }) => after.sold),
    granted: column(({ after }) => after.granted),
  } satisfies Record<keyof SkuState, unknown[]>
  const sells = orders.length > 0
  return {
    name: sells ? 'move-ledger-and-insert-orders' : 'move-ledger',
    text: `with moved as (
      update ledger l set on_hand = n.on_hand, free = n.free, set_aside = n.set_aside, held = n.held, sold = n.sold,
          granted = n.granted, cursor = n.cursor, shadow = n.shadow
        from (select unnest($1::text[]) as sku, unnest($2::bigint[]) as generation,
            unnest($3::bigint[]) as cursor_before, unnest($4::bigint[]) as cursor, unnest($5::int[]) as on_hand,
            unnest($6::int[]) as free, unnest($7::int[]) as set_aside, unnest($8::int[]) as held,
            unnest($9::int[]) as sold, unnest($10::bigint[]) as granted, unnest($11::jsonb[]) as shadow) n
       where l.sku = n.sku and l.generation = n.generation and l.cursor = n.cursor_before
      returning 1)${sells ? insertedOrders : ''}
      select expect_rows((select count(*) from moved), $12::bigint),
        now() + make_interval(secs => $13) as deadline`,
    values: [
      row.sku,
      row.generation,
      column(({ before }) => before.cursor),
      row.cursor,
      row.onHand,
      row.free,
      row.setAside,
      row.held,
      row.sold,
      row.granted,
      column(({ shadow }) => (shadow.size === 0 ? null : JSON.stringify([...shadow]))),
      decisions.length,
      holdSeconds,
      ...(sells ? orderValues(orders) : []),
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

/**
 * What the rows were sold as, each offer once for all rows in turn that have it, and the number of
 * each row's.
 */
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
 * Order and line of each reserve; the parameters follow those of the fence. Arrays side by side in
 * a select list are read as they are, whereas PostgreSQL stores what a function in `from` returns.
 */
const insertedOrders = `,
      placed as (
        insert into orders (id, number, buyer_id, idempotency_key, fingerprint, state, total, currency, expires_at)
        select id, nextval('order_numbers'), buyer, key, fingerprint, 'reserved', units::bigint * ($21::int[])[offer],
            ($22::text[])[offer], (select now() + make_interval(secs => $13))
          from (select unnest($14::uuid[]) as id, unnest($15::uuid[]) as buyer, unnest($16::text[]) as key,
              unnest($17::text[]) as fingerprint, unnest($18::int[]) as units, unnest($19::int[]) as offer) n),
      lines as (
        insert into order_lines (order_id, sku, title, seller_id, quantity, unit_price, pool, stock)
        select id, ($20::text[])[offer], ($24::text[])[offer], ($25::uuid[])[offer], units, ($21::int[])[offer],
            ($23::text[])[offer], 'held'
          from (select unnest($14::uuid[]) as id, unnest($18::int[]) as units, unnest($19::int[]) as offer) n)`

/** The values of {@link insertedOrders}, in their order. */
function orderValues(rows: readonly Reserved[]): unknown[] {
  const { offers, numbers } = offersOf(rows)
  return [
    rows.map(({ reserve }) => reserve.checkoutId),
    rows.map(({ reserve }) => reserve.buyerId),
    rows.map(({ reserve }) => reserve.key),
    rows.map(({ reserve }) => reserve.fingerprint),
    rows.map(({ reserve }) => reserve.units),
    numbers,
    offers.map(({ sku }) => sku),
    offers.map(({ terms }) => terms.price),
    offers.map(({ terms }) => terms.currency),
    offers.map(({ terms }) => terms.pool),
    offers.map(({ terms }) => terms.title),
    offers.map(({ terms }) => terms.sellerId),
  ]
}

/**
 * Parts of orders over several SKUs: the order has its row and asks for them. A part that was
 * voided, or is held already, is as a key that is taken.
 */
function holdParts(rows: readonly Reserved[]): Statement {
  const sorted = rows.toSorted((a, b) =>
    byKey(a.reserve.checkoutId, a.sku, b.reserve.checkoutId, b.sku),
  )
  return {
    name: 'hold-parts',
    text: `with held as (
        insert into order_lines as l (order_id, sku, title, seller_id, quantity, unit_price, pool, stock)
        select id, sku, title, seller, units, price, pool, 'held'
          from unnest($1::uuid[], $2::text[], $3::int[], $4::int[], $5::text[], $6::text[], $7::uuid[])
            as n (id, sku, units, price, pool, title, seller)
        on conflict (order_id, sku) do update set title = excluded.title, seller_id = excluded.seller_id,
            quantity = excluded.quantity, unit_price = excluded.unit_price, pool = excluded.pool, stock = 'held'
          where l.stock = 'asked'
        returning 1)
      select expect_new_rows((select count(*) from held), $8::bigint)`,
    values: [
      sorted.map(({ reserve }) => reserve.checkoutId),
      sorted.map(({ sku }) => sku),
      sorted.map(({ reserve }) => reserve.units),
      sorted.map(({ reserve }) => reserve.terms.price),
      sorted.map(({ reserve }) => reserve.terms.pool),
      sorted.map(({ reserve }) => reserve.terms.title),
      sorted.map(({ reserve }) => reserve.terms.sellerId),
      sorted.length,
    ],
  }
}

function insertRejected(refused: readonly Rejected[]): Statement {
  return {
    name: 'insert-rejected',
    text: `insert into orders (id, buyer_id, fingerprint, state, outcome, reason, duplicate_of)
      select id, buyer, fingerprint, 'rejected', 'rejected', reason, duplicate_of
        from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[])
          as n (id, buyer, fingerprint, reason, duplicate_of)
      on conflict (id) do nothing`,
    values: [
      refused.map(({ reserve }) => reserve.checkoutId),
      refused.map(({ reserve }) => reserve.buyerId),
      refused.map(({ reserve }) => reserve.fingerprint),
      refused.map(({ reason }) => reason),
      refused.map(({ duplicateOf }) => duplicateOf),
    ],
  }
}

/**
 * In the order of their keys, as everybody who locks several lines: a seller moves lines of the
 * same orders. What a hold has no longer came back after it was paid for; a tombstone has nothing.
 */
function moveStock(moved: readonly { readonly sku: string; readonly hold: Hold }[]): Statement {
  const sorted = moved.toSorted((a, b) => byKey(a.hold.checkoutId, a.sku, b.hold.checkoutId, b.sku))
  return {
    name: 'move-stock',
    text: `insert into order_lines (order_id, sku, quantity, stock)
      select id, sku, units, stock from unnest($1::uuid[], $2::text[], $3::int[], $4::text[])
        as moved (id, sku, units, stock)
      on conflict (order_id, sku) do update set stock = excluded.stock,
          returned = case excluded.stock when 'void' then 0 else order_lines.quantity - excluded.quantity end`,
    values: [
      sorted.map(({ hold }) => hold.checkoutId),
      sorted.map(({ sku }) => sku),
      sorted.map(({ hold }) => hold.units),
      sorted.map(({ hold }) => hold.state),
    ],
  }
}

/** The order in which PostgreSQL sorts lower-case ids, and one order of SKUs, whichever. */
function byKey(idA: string, skuA: string, idB: string, skuB: string): number {
  if (idA !== idB) return idA < idB ? -1 : 1
  return skuA < skuB ? -1 : 1
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
