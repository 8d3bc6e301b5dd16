/**
 * Reads what PostgreSQL knows about the messages of a batch. Only the owner of the partition may
 * act on it. PgLedger calls this.
 */
import type { PipelinedConnection, Row } from '../../platform/postgres/pipeline.ts'
import { type Evidence, type Hold, type HoldState, keyOf, poolKey } from '../decide/state.ts'
import type { Command, Entry, Reserve } from '../protocol/messages.ts'

/**
 * Evidence for a SKU's entries, for the owner through PgLedger. With `contested` false only
 * commands are looked up: reserves are assumed to be new, and the constraints say when they are
 * not. Counts are units. Rejects with the connection's errors.
 */
export async function loadEvidence(
  connection: PipelinedConnection,
  sku: string,
  entries: readonly Entry[],
  contested: boolean,
): Promise<Evidence> {
  const messages = entries.flatMap((entry) => entry.messages)
  const commands = messages.filter((message): message is Command => message.kind !== 'reserve')
  const reserves = contested
    ? messages.filter((message): message is Reserve => message.kind === 'reserve')
    : []
  const ids = reserves.map(({ checkoutId }) => checkoutId)
  const held = [...ids, ...commands.flatMap(({ checkoutId }) => checkoutId ?? [])]
  const keyed = reserves.filter(({ key }) => key !== null)
  const pooled = reserves.filter(({ terms }) => terms.pool !== null)
  const none = Promise.resolve<Row[]>([])
  const [open, holds, checkouts, keys, units] = await Promise.all([
    connection.query({
      name: 'evidence-commands',
      // As a condition, `done_at is null` could lead the planner to the index of all that are open.
      text: 'select id, done_at is null as open from stock_commands where id = any($1::uuid[])',
      values: [commands.map(({ id }) => id)],
    }),
    connection.query({
      name: 'evidence-holds',
      // What is only asked for is no hold yet.
      text: `select l.order_id, o.buyer_id, l.quantity - l.returned as units, l.pool, l.stock
        from order_lines l
        left join lateral (select buyer_id from orders where id = l.order_id offset 0) o on true
        where l.sku = $1 and l.order_id = any($2::uuid[]) and l.stock <> 'asked'`,
      values: [sku, held],
    }),
    ids.length === 0
      ? none
      : connection.query({
          name: 'evidence-checkouts',
          text: 'select id from orders where id = any($1::uuid[])',
          values: [ids],
        }),
    keyed.length === 0
      ? none
      : connection.query({
          name: 'evidence-keys',
          text: `select id, buyer_id, idempotency_key from orders
            where (buyer_id, idempotency_key) in (select * from unnest($1::uuid[], $2::text[]))`,
          values: [keyed.map(({ buyerId }) => buyerId), keyed.map(({ key }) => key)],
        }),
    connection.query({
      name: 'evidence-units',
      text: `with wanted as (
          select * from unnest($1::text[], $2::uuid[]) as reserves (pool, buyer_id)
          union
          select l.pool, o.buyer_id from order_lines l
           cross join lateral (select buyer_id from orders where id = l.order_id offset 0) o
           where l.sku = $3 and l.order_id = any($4::uuid[]))
        select b.pool, b.buyer_id, b.units, b.unit_limit
          from wanted join buyer_units b on b.pool = wanted.pool and b.buyer_id = wanted.buyer_id`,
      values: [
        pooled.map(({ terms }) => terms.pool),
        pooled.map(({ buyerId }) => buyerId),
        sku,
        commands.flatMap(({ checkoutId }) => checkoutId ?? []),
      ],
    }),
  ])
  return {
    openCommands: new Set(open.flatMap((row) => (row.open === true ? [row.id as string] : []))),
    holds: new Map(holds.map((row) => [row.order_id as string, holdOf(row)])),
    checkouts: new Set(checkouts.map((row) => row.id as string)),
    keys: new Map(
      keys.map((row) => [
        keyOf(row.buyer_id as string, row.idempotency_key as string),
        row.id as string,
      ]),
    ),
    units: new Map(
      units.map((row) => [
        poolKey(row.pool as string, row.buyer_id as string),
        { units: row.units as number, limit: row.unit_limit as number },
      ]),
    ),
  }
}

function holdOf(row: Record<string, unknown>): Hold {
  return {
    checkoutId: row.order_id as string,
    buyerId: (row.buyer_id as string | null) ?? '',
    units: row.units as number,
    pool: row.pool as string | null,
    state: row.stock as HoldState,
  }
}
