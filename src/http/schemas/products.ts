import { z } from 'zod'
import { sorts } from '../../catalogue/search.ts'
import { aboutUnknown, currencies, formatMoney, priceFault } from '../../kernel/currency.ts'
import { limits } from '../../kernel/limits.ts'
import { skuSchema } from './checkout.ts'
import { listOf, pageQuery } from './list.ts'

const noControls = /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u
const line = (max: number) =>
  z.string().trim().min(1).max(max).regex(noControls, 'Control characters are not allowed')
/** Line breaks and tabs, but nothing else of their kind. */
const text = (max: number) =>
  z
    .string()
    .trim()
    .max(max)
    .regex(/^(?:[^\p{Cc}\p{Cs}]|[\t\n\r])*$/u, 'Control characters are not allowed')

const optionName = z
  .string()
  .regex(
    /^\p{L}[\p{L}\p{N} _-]{0,39}$/u,
    'Must be a letter, then up to 39 letters, digits, spaces, - or _',
  )
const options = z
  .record(optionName, line(60))
  .refine((given) => Object.keys(given).length <= 10, 'At most 10 options')
  .describe('for example {"color":"red","size":"M"}')

const price = z
  .int()
  .min(0)
  .max(100_000_000)
  .describe(
    'in minor units as Stripe counts them: 4900 is €49.00, ¥4,900, and HUF 49. 0 is free. Any other price is one ' +
      'that can be charged: not below the least amount of its currency, not above the most that one payment takes, ' +
      'and a multiple of its step; see `currency`',
  )

const listed = (texts: readonly string[]) => texts.join(', ')
const special = currencies.filter(({ step }) => step > 1)
const currency = z
  .enum(
    currencies.map(({ code }) => code),
    { error: ({ input }) => aboutCurrency(input) },
  )
  .describe(
    'an ISO 4217 code that Stripe charges in. Least amounts: ' +
      listed(
        currencies
          .filter(({ least, step }) => least > step)
          .map((c) => formatMoney(c.least, c.code)),
      ) +
      '; of the others any. Prices are multiples of ' +
      listed(special.map(({ code, step }) => `${step} in ${code}`)) +
      ', and one payment takes 99999999 minor units (INR 999999999, COP 9999999999, IDR 999999999999)',
  )

function aboutCurrency(input: unknown): string {
  return typeof input === 'string' && /^[A-Z]{3}$/.test(input)
    ? aboutUnknown(input)
    : 'Must be three capital letters, as in ISO 4217'
}

const newVariant = z
  .strictObject({
    sku: skuSchema,
    options: options.default({}),
    price,
    currency,
    stock: z.int().min(0).max(limits.stockUnits).describe('units on hand'),
  })
  .superRefine((variant, context) => {
    const message = priceFault(variant.price, variant.currency)
    if (message !== null) context.addIssue({ code: 'custom', path: ['price'], message })
  })

/** Each SKU once. */
function distinct<Item extends { sku: string }>(items: readonly Item[]): boolean {
  return new Set(items.map(({ sku }) => sku)).size === items.length
}
const twice = 'Each SKU may appear only once'

const newVariants = z.array(newVariant).min(1).max(limits.productVariants).refine(distinct, twice)

const texts = { title: line(200), description: text(10_000), category: line(60) }

export const createBody = z.strictObject({
  ...texts,
  description: texts.description.default(''),
  variants: newVariants,
})

export const editBody = z
  .strictObject({
    title: texts.title.optional(),
    description: texts.description.optional(),
    category: texts.category.optional(),
    variants: z
      .array(
        z.strictObject({ sku: skuSchema, price: price.optional(), options: options.optional() }),
      )
      .min(1)
      .max(limits.productVariants)
      .refine(distinct, twice)
      .optional(),
  })
  .refine((body) => Object.keys(body).length > 0, 'Send at least one change')

/** One variant, or several. */
export const addVariantsBody = z.union([newVariant, z.strictObject({ variants: newVariants })])

export const productParams = z.object({ id: z.string().describe('id or slug') })

const seller = z.object({ id: z.uuid(), name: z.string() })

export const productSchema = z.object({
  id: z.uuid(),
  slug: z.string(),
  title: z.string(),
  description: z.string(),
  category: z.string(),
  version: z.int().describe('rises with every edit; also the ETag'),
  createdAt: z.iso.datetime(),
  seller,
  images: z.array(z.looseObject({ id: z.uuid(), url: z.string() })),
  variants: z.array(
    z.object({
      sku: z.string(),
      options: z.record(z.string(), z.string()),
      price: z.int().describe('in minor units; the sale price while a sale is on'),
      currency: z.string(),
      available: z.int().describe('units that the gate would grant now; at most one second old'),
    }),
  ),
})

const cardSchema = z.object({
  id: z.uuid(),
  slug: z.string(),
  title: z.string(),
  category: z.string(),
  priceFrom: z.int().describe('in minor units; the lowest price of the matching variants'),
  currency: z.string(),
  image: z.string().nullable(),
  inStock: z.boolean().describe('true when a matching variant is in stock'),
  seller,
})

const flag = z.enum(['true', 'false']).transform((value) => value === 'true')
const optionValue = line(60)

export const searchQuery = pageQuery
  .extend({
    q: z
      .string()
      .max(200)
      .regex(noControls, 'Control characters are not allowed')
      .optional()
      .describe('search words; small typing errors are forgiven'),
    category: line(60).optional(),
    minPrice: z.coerce.number().int().min(0).max(100_000_000).optional(),
    maxPrice: z.coerce.number().int().min(0).max(100_000_000).optional(),
    inStock: flag.default(false).describe('true: only products in stock'),
    sort: z.enum(sorts).optional().describe('default: relevance with `q`, newest without it'),
    facets: flag.default(true).describe('false: leave the facet counts out'),
  })
  .catchall(z.union([optionValue, z.array(optionValue).max(20)]))

const facetValues = z.array(z.object({ value: z.string(), count: z.int() }))

export const searchSchema = listOf(cardSchema).extend({
  facets: z
    .object({
      category: facetValues,
      options: z.record(z.string(), facetValues),
      price: z.object({ min: z.int().nullable(), max: z.int().nullable() }),
    })
    .nullable(),
})

export const recommendationsQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
})
export const recommendationsSchema = listOf(cardSchema)

/** What a cursor of a product list holds: the sort, and the last item's place in it. */
export const searchCursor = z.tuple([
  z.enum(sorts),
  z.uuid(),
  z.int().min(0).max(100_000_000),
  z.number().min(0).max(1_000),
])
