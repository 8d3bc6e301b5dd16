/** The shop that a first `npm start` shows. */
import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { Passwords } from '../src/identity/passwords.ts'
import { newId } from '../src/kernel/ids.ts'
import { sql } from '../src/platform/postgres/pool.ts'
import { openLedger } from '../src/stock/ledger/open-ledger.ts'

const demoPassword = 'demo-password'

const demoAccounts = [
  { email: 'buyer@example.com', name: 'Bea Buyer', role: 'buyer' },
  { email: 'seller@example.com', name: 'Sam Seller', role: 'seller' },
  { email: 'admin@example.com', name: 'Ada Admin', role: 'admin' },
] as const

interface DemoProduct {
  readonly slug: string
  readonly title: string
  readonly description: string
  readonly category: string
  readonly variants: readonly {
    readonly sku: string
    readonly options: Readonly<Record<string, string>>
    readonly price: number
    readonly stock: number
  }[]
}

const products: readonly DemoProduct[] = [
  {
    slug: 'lumen-one-headphones',
    title: 'Lumen One Headphones',
    description: 'The limited first edition. One thousand pairs, and not one more.',
    category: 'audio',
    variants: [{ sku: 'FLASH-001', options: { color: 'graphite' }, price: 9_900, stock: 1_000 }],
  },
  {
    slug: 'harbour-t-shirt',
    title: 'Harbour T-Shirt',
    description: 'Heavy cotton, cut straight, washed once so that it stays as it is.',
    category: 'clothing',
    variants: ['red', 'navy', 'white'].flatMap((color) =>
      ['S', 'M', 'L'].map((size) => ({
        sku: `TEE-${color.toUpperCase()}-${size}`,
        options: { color, size },
        price: 2_900,
        stock: 120,
      })),
    ),
  },
  {
    slug: 'sluice-mug',
    title: 'Sluice Mug',
    description: 'Holds 350 ml and lets nothing through.',
    category: 'home',
    variants: [
      { sku: 'MUG-BLUE', options: { color: 'blue' }, price: 1_400, stock: 250 },
      { sku: 'MUG-GREY', options: { color: 'grey' }, price: 1_400, stock: 250 },
    ],
  },
]

/** What is drawn for each. */
export const demoPictures = {
  'lumen-one-headphones': { motif: 'headphones', hue: 210 },
  'harbour-t-shirt': { motif: 'shirt', hue: 330 },
  'sluice-mug': { motif: 'mug', hue: 168 },
} as const

const flashSale = { sku: 'FLASH-001', units: 1_000, price: 4_900, perCustomerLimit: 2 } as const

/** Fills an empty database with the demo accounts, products and sale; leaves any other as it is. */
export async function seedDemoShop(pool: DatabasePool): Promise<void> {
  const hash = await new Passwords().hash(demoPassword)
  await pool.transaction(async (tx) => {
    const taken = await tx.exists(sql.typeAlias('none')`select from accounts`)
    if (taken) return
    const ids = new Map<string, string>(demoAccounts.map(({ role }) => [role, newId()]))
    const accounts = demoAccounts.map(({ email, name, role }) => [
      ids.get(role) as string,
      email,
      name,
      role,
      hash,
    ])
    await tx.query(sql.typeAlias('none')`
      insert into accounts (id, email, name, role, password_hash)
      select * from ${sql.unnest(accounts, ['uuid', 'text', 'text', 'text', 'text'])}`)
    for (const product of products) await addProduct(tx, product, ids.get('seller') as string)
    await tx.query(sql.typeAlias('none')`
      insert into sales (id, sku, state, starts_at, ends_at, units, price, per_customer_limit)
      values (${newId()}, ${flashSale.sku}, 'open', now(), now() + interval '365 days',
        ${flashSale.units}, ${flashSale.price}, ${flashSale.perCustomerLimit})`)
  })
}

async function addProduct(
  tx: DatabaseTransactionConnection,
  { slug, title, description, category, variants }: DemoProduct,
  sellerId: string,
): Promise<void> {
  const id = newId()
  await tx.query(sql.typeAlias('none')`
    insert into products (id, seller_id, slug, title, description, category)
    values (${id}, ${sellerId}, ${slug}, ${title}, ${description}, ${category})`)
  const rows = variants.map(({ sku, options, price }) => [
    sku,
    id,
    JSON.stringify(options),
    price,
    'EUR',
  ])
  await tx.query(sql.typeAlias('none')`
    insert into variants (sku, product_id, options, price, currency)
    select * from ${sql.unnest(rows, ['text', 'uuid', 'jsonb', 'int4', 'text'])}`)
  await openLedger(
    tx,
    variants.map(({ sku, stock }) => ({ sku, units: stock })),
  )
}
