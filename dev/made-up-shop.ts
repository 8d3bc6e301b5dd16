/** A shop made of a seed number: the same products, variants and orders for the same seed, everywhere. */
import { type SeededRandom, seededRandom } from '../src/kernel/random.ts'
import {
  brands,
  firstNames,
  lastNames,
  manners,
  models,
  praises,
  type Range,
  ranges,
} from './shop-words.ts'

export interface MadeUpVariant {
  readonly sku: string
  readonly options: Readonly<Record<string, string>>
  readonly price: number
  readonly free: number
}

export interface MadeUpProduct {
  readonly id: string
  readonly slug: string
  readonly sellerId: string
  readonly title: string
  readonly description: string
  readonly category: string
  readonly createdAtMs: number
  readonly variants: readonly MadeUpVariant[]
}

export interface MadeUpOrder {
  readonly id: string
  readonly buyerId: string
  readonly createdAtMs: number
  readonly lines: readonly {
    readonly product: MadeUpProduct
    readonly variant: MadeUpVariant
    readonly units: number
  }[]
}

export interface MadeUpAccount {
  readonly id: string
  readonly name: string
  readonly role: 'seller' | 'buyer'
}

export interface MadeUpShop {
  readonly accounts: readonly MadeUpAccount[]
  readonly products: readonly MadeUpProduct[]
  readonly orders: readonly MadeUpOrder[]
}

/** Everything happened in the year before this day: what is added later is newer. */
const endMs = Date.UTC(2026, 5, 1)
const yearMs = 365 * 86_400_000
const setSize = 5

/** Makes `products` products, and one and a half times as many orders. */
export function makeUpShop(options: {
  readonly products: number
  readonly seed: number
}): MadeUpShop {
  const random = seededRandom(options.seed)
  const id = idMaker(random)
  const sellers = Array.from({ length: Math.min(24, 2 + Math.ceil(options.products / 100)) }, () =>
    account(random, id, 'seller'),
  )
  const buyers = Array.from({ length: Math.max(20, Math.ceil(options.products / 10)) }, () =>
    account(random, id, 'buyer'),
  )
  const prefix = options.seed.toString(36).toUpperCase()
  const products = Array.from({ length: options.products }, (_, i) => {
    const number = `${prefix}-${String(i + 1).padStart(5, '0')}`
    const createdAtMs = endMs - yearMs + Math.floor((i * yearMs) / options.products)
    return product(random, id, { number, createdAtMs, sellerId: random.pick(sellers).id })
  })
  const orders = makeOrders(random, id, products, buyers)
  return { accounts: [...sellers, ...buyers], products, orders }
}

type IdMaker = (ms: number) => string

/** Ids as UUIDv7, so that their order is that of time. */
function idMaker(random: SeededRandom): IdMaker {
  const hex = (digits: number) =>
    Math.floor(random.next() * 16 ** digits)
      .toString(16)
      .padStart(digits, '0')
  return (ms) => {
    const time = ms.toString(16).padStart(12, '0')
    return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(3)}-8${hex(3)}-${hex(6)}${hex(6)}`
  }
}

function account(random: SeededRandom, id: IdMaker, role: 'seller' | 'buyer'): MadeUpAccount {
  const person = `${random.pick(firstNames)} ${random.pick(lastNames)}`
  const name =
    role === 'seller'
      ? `${random.pick(brands)} ${random.pick(['Store', 'Supply', 'Works'])}`
      : person
  return { id: id(endMs - yearMs), name, role }
}

function product(
  random: SeededRandom,
  id: IdMaker,
  given: { readonly number: string; readonly createdAtMs: number; readonly sellerId: string },
): MadeUpProduct {
  const range = random.pick(ranges)
  const thing = random.pick(range.things)
  const brand = random.pick(brands)
  const material = random.pick(range.materials)
  const title = `${brand} ${random.pick(models)} ${random.pick(manners)} ${thing}`
  const description = [
    `${thing} in ${material} for ${random.pick(range.uses)}.`,
    `${random.pick(praises)}.`,
    random.chance(0.6) ? `Goes well with ${range.goesWith} by ${brand}.` : '',
  ]
    .join(' ')
    .trim()
  return {
    id: id(given.createdAtMs),
    slug: `${slug(title)}-${given.number.toLowerCase()}`,
    sellerId: given.sellerId,
    title,
    description,
    category: range.category,
    createdAtMs: given.createdAtMs,
    variants: makeVariants(random, range, given.number),
  }
}

const slug = (text: string) =>
  text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}+/gu, '')
    .replace(/[^a-z0-9]+/g, '-')

/** Three variants on average. */
function makeVariants(random: SeededRandom, range: Range, number: string): MadeUpVariant[] {
  const [[name = '', values], second] = Object.entries(range.options) as [
    [string, readonly string[]],
    [string, readonly string[]] | undefined,
  ]
  const firsts = random.some(values, random.whole(1, 2))
  const seconds = second ? random.some(second[1], random.whole(1, 3)) : ['']
  const [low, high] = range.prices
  // Most things are cheap.
  const base = low + (high - low) * random.next() ** 2.5
  return firsts.flatMap((first) =>
    seconds.map((other, i): MadeUpVariant => {
      const price = Math.round((base * (1 + i * 0.08)) / 100) * 100 - 1
      return {
        sku: `${number}-${firsts.indexOf(first) + 1}${i + 1}`,
        options: second ? { [name]: first, [second[0]]: other } : { [name]: first },
        price: Math.max(price, 99),
        free: random.chance(0.08) ? 0 : random.whole(1, 200),
      }
    }),
  )
}

/**
 * Products come in sets that are bought together, and some are far more popular than others: what
 * recommendations should find, and what must not mislead them.
 */
function makeOrders(
  random: SeededRandom,
  id: IdMaker,
  products: readonly MadeUpProduct[],
  buyers: readonly MadeUpAccount[],
): MadeUpOrder[] {
  if (products.length === 0) return []
  const popular = () => Math.floor(products.length * random.next() ** 3)
  const total = Math.round(products.length * 1.5)
  return Array.from({ length: total }, (_, i) => {
    const first = popular()
    const wanted = new Set([first])
    if (random.chance(0.55)) {
      const start = first - (first % setSize)
      wanted.add(Math.min(products.length - 1, start + random.whole(0, setSize - 1)))
      if (random.chance(0.3)) {
        wanted.add(Math.min(products.length - 1, start + random.whole(0, setSize - 1)))
      }
    }
    if (random.chance(0.25)) wanted.add(popular())
    const createdAtMs = endMs - yearMs + Math.floor(((i + random.next()) * yearMs) / total)
    return {
      id: id(createdAtMs),
      buyerId: random.pick(buyers).id,
      createdAtMs,
      lines: [...wanted].map((at) => {
        const bought = products[at] as MadeUpProduct
        return {
          product: bought,
          variant: random.pick(bought.variants),
          units: random.chance(0.85) ? 1 : random.whole(2, 3),
        }
      }),
    }
  })
}
