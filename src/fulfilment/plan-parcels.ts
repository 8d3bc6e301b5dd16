/** Which units go out from where. Pure: needs and locations in, parcels out. */

export interface Need {
  readonly sku: string
  readonly units: number
}

export interface Place {
  readonly latitude: number
  readonly longitude: number
}

export interface Location {
  readonly id: string
  readonly place: Place | null
  readonly priority: number
  /** Units that can be sent, by SKU. */
  readonly stock: ReadonlyMap<string, number>
}

export interface Parcel {
  /** Null: no location has these units. */
  readonly locationId: string | null
  readonly lines: readonly Need[]
}

/** All subsets of so many locations are compared; of more, those that have most of what is needed. */
const comparedMax = 10

/**
 * Sends as many units as the locations have, in as few parcels as can be, from those that are nearest:
 * in this order of importance. What no location has is a parcel of its own without one.
 */
export function planParcels(
  needs: readonly Need[],
  locations: readonly Location[],
  destination: Place | null,
): Parcel[] {
  const ranked = locations.filter((location) => coverage(needs, [location]) > 0)
  ranked.sort((a, b) => byNearness(a, b, destination))
  const chosen = bestSubset(needs, shortlist(needs, ranked))
  const left = new Map(needs.map(({ sku, units }) => [sku, units]))
  // Who can send most of the order goes first, so that the parcels of the others stay small.
  const order = chosen.toSorted((a, b) => coverage(needs, [b]) - coverage(needs, [a]))
  const parcels = order.map((location) => ({
    locationId: location.id,
    lines: take(left, location),
  }))
  const rest = [...left].flatMap(([sku, units]) => (units > 0 ? [{ sku, units }] : []))
  const sent: Parcel[] = parcels.filter(({ lines }) => lines.length > 0)
  return rest.length > 0 ? [...sent, { locationId: null, lines: rest }] : sent
}

function take(left: Map<string, number>, { stock }: Location): Need[] {
  return [...left].flatMap(([sku, wanted]) => {
    const units = Math.min(wanted, stock.get(sku) ?? 0)
    if (units === 0) return []
    left.set(sku, wanted - units)
    return [{ sku, units }]
  })
}

/** Units of the needs that these locations have together. */
function coverage(needs: readonly Need[], locations: readonly Location[]): number {
  let covered = 0
  for (const { sku, units } of needs) {
    let has = 0
    for (const { stock } of locations) has += stock.get(sku) ?? 0
    covered += Math.min(units, has)
  }
  return covered
}

/** At most {@link comparedMax} of the ranked, in their order: each adds more than the others would. */
function shortlist(needs: readonly Need[], ranked: readonly Location[]): readonly Location[] {
  if (ranked.length <= comparedMax) return ranked
  const list: Location[] = []
  while (list.length < comparedMax) {
    const others = ranked.filter((location) => !list.includes(location))
    const gains = others.map((location) => coverage(needs, [...list, location]))
    list.push(others[gains.indexOf(Math.max(...gains))] as Location)
  }
  return ranked.filter((location) => list.includes(location))
}

function bestSubset(needs: readonly Need[], ranked: readonly Location[]): readonly Location[] {
  const whole = coverage(needs, ranked)
  let best: readonly Location[] = ranked
  let bestCost = Number.POSITIVE_INFINITY
  for (let mask = 0; mask < 2 ** ranked.length; mask++) {
    const subset = ranked.filter((_, i) => mask & (1 << i))
    const distance = subset.reduce((sum, location) => sum + ranked.indexOf(location), 0)
    const cost = subset.length * 1_000 + distance
    if (cost >= bestCost || coverage(needs, subset) < whole) continue
    best = subset
    bestCost = cost
  }
  return best
}

function byNearness(a: Location, b: Location, destination: Place | null): number {
  const near = distanceTo(destination, a) - distanceTo(destination, b)
  // Two that are unknown are equally far: infinity less infinity is no number.
  return near || a.priority - b.priority || (a.id < b.id ? -1 : 1)
}

function distanceTo(destination: Place | null, { place }: Location): number {
  return destination && place ? kilometresBetween(destination, place) : Number.POSITIVE_INFINITY
}

const earthRadiusKm = 6_371

/** Great-circle distance. */
export function kilometresBetween(a: Place, b: Place): number {
  const radians = (degrees: number) => (degrees * Math.PI) / 180
  const north = Math.sin(radians(b.latitude - a.latitude) / 2) ** 2
  const east = Math.sin(radians(b.longitude - a.longitude) / 2) ** 2
  const h = north + Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * east
  return 2 * earthRadiusKm * Math.asin(Math.min(1, Math.sqrt(h)))
}
