/** The places a seller sends from, and what lies there. */
import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { appendAudit } from '../audit/audit-log.ts'
import { AppError } from '../kernel/errors.ts'
import { newId } from '../kernel/ids.ts'
import { appendOutbox } from '../platform/outbox.ts'
import { sql } from '../platform/postgres/pool.ts'
import { locationsTopic } from './reroute.ts'

const LocationRow = z.object({
  id: z.string(),
  name: z.string(),
  latitude: z.number().nullable(),
  longitude: z.number().nullable(),
  priority: z.number(),
  online: z.boolean(),
  stock: z.array(z.object({ sku: z.string(), units: z.number() })),
})
export type LocationView = z.infer<typeof LocationRow>

export interface LocationDetails {
  readonly name: string
  /** Degrees; both or none. */
  readonly latitude: number | null
  readonly longitude: number | null
  readonly priority: number
  readonly online: boolean
}

const locationsMax = 50
/** Lines of stock that an answer shows of one location. */
const stockShown = 1_000

export type Locations = ReturnType<typeof createLocations>

export function createLocations({ pool }: { readonly pool: DatabasePool }) {
  return { create, list, change, setStock }

  /** Throws `invalid_transition` when the seller has as many as can be. */
  async function create(sellerId: string, details: LocationDetails): Promise<LocationView> {
    const { name, latitude, longitude, priority, online } = details
    const id = newId()
    return pool.transaction(async (tx) => {
      await expectRoom(tx, sellerId)
      await tx.query(sql.typeAlias('none')`
        insert into stock_locations (id, seller_id, name, latitude, longitude, priority, online)
        values (${id}, ${sellerId}, ${name}, ${latitude}, ${longitude}, ${priority}, ${online})`)
      await note(tx, sellerId, id, 'created', { ...details })
      return read(tx, sellerId, id)
    })
  }

  /** The newest first. */
  async function list(
    sellerId: string,
    { limit, before }: { readonly limit: number; readonly before: string | null },
  ): Promise<{ items: LocationView[]; more: boolean }> {
    const below = before === null ? sql.fragment`true` : sql.fragment`l.id < ${before}::uuid`
    const rows = await pool.any(sql.type(LocationRow)`
      select ${columns} from stock_locations l where l.seller_id = ${sellerId} and ${below}
       order by l.id desc limit ${limit + 1}`)
    return { items: rows.slice(0, limit), more: rows.length > limit }
  }

  /** Going offline sends what is not shipped from elsewhere; coming online serves what had no location. */
  async function change(
    sellerId: string,
    id: string,
    to: Partial<LocationDetails>,
  ): Promise<LocationView> {
    return pool.transaction(async (tx) => {
      const was = await lock(tx, sellerId, id)
      const now = { ...was, ...to }
      expectPlace(now)
      await tx.query(sql.typeAlias('none')`
        update stock_locations set name = ${now.name}, latitude = ${now.latitude},
            longitude = ${now.longitude}, priority = ${now.priority}, online = ${now.online}
         where id = ${id}`)
      await note(tx, sellerId, id, 'changed', { ...to })
      if (now.online !== was.online) await tellOfChange(tx, sellerId, id)
      return read(tx, sellerId, id)
    })
  }

  /** Sets how many units lie there that no shipment has been promised; other SKUs stay as they are. */
  async function setStock(
    sellerId: string,
    id: string,
    items: readonly { readonly sku: string; readonly units: number }[],
  ): Promise<LocationView> {
    const wanted = new Map(items.map(({ sku, units }) => [sku, units]))
    return pool.transaction(async (tx) => {
      await lock(tx, sellerId, id)
      await expectOwn(tx, sellerId, [...wanted.keys()])
      await writeStock(tx, id, wanted)
      await note(tx, sellerId, id, 'stocked', Object.fromEntries(wanted))
      await tellOfChange(tx, sellerId, id)
      return read(tx, sellerId, id)
    })
  }
}

const columns = sql.fragment`l.id, l.name, l.latitude, l.longitude, l.priority, l.online,
  coalesce((select jsonb_agg(jsonb_build_object('sku', s.sku, 'units', s.units) order by s.sku)
    from (select sku, units from location_stock where location_id = l.id order by sku limit ${stockShown}) s),
    '[]') as stock`

function read(
  tx: DatabaseTransactionConnection,
  sellerId: string,
  id: string,
): Promise<LocationView> {
  return tx.one(sql.type(LocationRow)`
    select ${columns} from stock_locations l where l.id = ${id} and l.seller_id = ${sellerId}`)
}

/** @throws AppError invalid_transition when the seller has as many locations as can be. */
async function expectRoom(tx: DatabaseTransactionConnection, sellerId: string): Promise<void> {
  // One at a time for each seller, so that the count holds.
  await tx.query(sql.typeAlias('none')`select from accounts where id = ${sellerId} for update`)
  const { count } = await tx.one(sql.typeAlias('count')`
    select count(*) as count from stock_locations where seller_id = ${sellerId}`)
  if (count >= locationsMax) {
    throw new AppError('invalid_transition', `A seller has at most ${locationsMax} locations.`)
  }
}

function expectPlace({ latitude, longitude }: LocationDetails): void {
  if ((latitude === null) === (longitude === null)) return
  throw new AppError('validation_failed', 'Latitude and longitude belong together.', {
    errors: [{ path: 'latitude', message: 'Send both, or null for both' }],
  })
}

/** @throws AppError not_found when one of the SKUs is not the seller's. */
async function expectOwn(
  tx: DatabaseTransactionConnection,
  sellerId: string,
  skus: readonly string[],
): Promise<void> {
  const own = await tx.any(sql.type(z.object({ sku: z.string() }))`
    select v.sku from variants v join products p on p.id = v.product_id
     where p.seller_id = ${sellerId} and v.sku = any(${sql.array([...skus], 'text')})`)
  const known = new Set(own.map(({ sku }) => sku))
  const stranger = skus.find((sku) => !known.has(sku))
  if (stranger === undefined) return
  const extras = { members: { sku: stranger } }
  throw new AppError('not_found', `You do not sell a SKU ${stranger}.`, extras)
}

async function writeStock(
  tx: DatabaseTransactionConnection,
  id: string,
  units: ReadonlyMap<string, number>,
): Promise<void> {
  const rows = [...units].sort(([a], [b]) => (a < b ? -1 : 1)).map(([sku, here]) => [id, sku, here])
  await tx.query(sql.typeAlias('none')`
    insert into location_stock (location_id, sku, units)
    select * from ${sql.unnest(rows, ['uuid', 'text', 'int4'])}
    on conflict (location_id, sku) do update set units = excluded.units`)
}

const DetailsRow = LocationRow.omit({ id: true, stock: true })

async function lock(tx: DatabaseTransactionConnection, sellerId: string, id: string) {
  const found = await tx.maybeOne(sql.type(DetailsRow)`
    select name, latitude, longitude, priority, online from stock_locations
     where id = ${id} and seller_id = ${sellerId} for update`)
  if (!found) throw new AppError('not_found', 'There is no such location.')
  return found
}

function note(
  tx: DatabaseTransactionConnection,
  sellerId: string,
  id: string,
  what: 'created' | 'changed' | 'stocked',
  details: Readonly<Record<string, unknown>>,
): Promise<void> {
  const actor = { id: sellerId, role: 'seller' }
  return appendAudit(tx, { actor, action: `location.${what}`, subject: `location:${id}`, details })
}

/** What is planned is planned anew by a job: it may be thousands of shipments. */
async function tellOfChange(
  tx: DatabaseTransactionConnection,
  sellerId: string,
  id: string,
): Promise<void> {
  const { version } = await tx.one(sql.type(z.object({ version: z.number() }))`
    update stock_locations set version = version + 1 where id = ${id} returning version`)
  await appendOutbox(tx, locationsTopic, `${id}-${version}`, { sellerId })
}
