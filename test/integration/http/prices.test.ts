// Prices that nobody could ever pay are refused while the seller is there, and change nothing.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { z } from 'zod'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { aProduct, aSeller, aVariant, productIn } from '../../support/products.ts'
import { startTestSystem } from '../../support/system.ts'

async function shop(t: TestContext) {
  const system = await startTestSystem(t)
  return { system, seller: await aSeller(system) }
}

const Left = z.object({
  products: z.number(),
  variants: z.number(),
  version: z.number().nullable(),
})

interface Refused {
  readonly path: string
  readonly message: RegExp
}
type Answered = { status: number; body: { code?: string; errors?: readonly unknown[] } }

function assertRefused({ status, body }: Answered, { path, message }: Refused): void {
  assert.equal(status, 400, JSON.stringify(body))
  assert.equal(body.code, 'validation_failed')
  const [error, ...others] = body.errors as { path: string; message: string }[]
  assert.deepEqual([error?.path, others], [path, []], JSON.stringify(body.errors))
  assert.match(error?.message ?? '', message)
}

const unpayable: readonly (readonly [string, number, RegExp])[] = [
  ['EUR', 1, /at least €0\.50/],
  ['GBP', 29, /at least £0\.30/],
  ['HUF', 17_499, /at least HUF\s175/],
  ['JPY', 49, /at least ¥50/],
  ['USD', 100_000_000, /at most \$999,999\.99/],
  ['ISK', 150, /multiple of 100/],
  ['KWD', 5_124, /multiple of 10/],
]

test('a new price that can never be paid is refused at its path, with the limit', async (t) => {
  const { system, seller } = await shop(t)
  const left = () =>
    system.pool.one(sql.type(Left)`
      select (select count(*) from products) as products, (select count(*) from variants) as variants,
        (select max(version) from products) as version`)
  for (const [currency, price, message] of unpayable) {
    const cheap = aVariant({ currency, price })
    const variants = [aVariant({ currency, price: 500_000 }), cheap]
    const made = await seller.call('POST', '/api/products', aProduct({ variants }))
    assertRefused(made, { path: 'variants.1.price', message })
  }
  for (const currency of ['XXX', 'XAU', 'ZZZ', 'eur']) {
    const made = await seller.call('POST', '/api/products', {
      ...aProduct(),
      variants: [aVariant({ currency })],
    })
    const message = currency === 'eur' ? /three capital letters/ : /charged in .*EUR, USD or JPY/
    assertRefused(made, { path: 'variants.0.currency', message })
  }
  assert.deepEqual(await left(), { products: 0, variants: 0, version: null })
  const { id } = await seller.create({ variants: [aVariant({ price: 1_000 })] })
  const path = `/api/products/${id}/variants`
  const message = /at least €0\.50/
  const one = await seller.call('POST', path, aVariant({ price: 49 }))
  assertRefused(one, { path: 'price', message })
  const several = await seller.call('POST', path, { variants: [aVariant({ price: 49 })] })
  assertRefused(several, { path: 'variants.0.price', message })
  assert.deepEqual(await left(), { products: 1, variants: 1, version: 1 })
})

test('an edit to a price that can never be paid is refused, and edits nothing', async (t) => {
  const { seller } = await shop(t)
  for (const [currency, price, message] of unpayable) {
    const { id, variants } = await seller.create({
      variants: [aVariant({ currency, price: 500_000 }), aVariant({ currency, price: 600_000 })],
    })
    const edits = variants.map(({ sku }, i) => ({ sku, price: i === 0 ? 700_000 : price }))
    const edited = await seller.call('PATCH', `/api/products/${id}`, {
      title: 'Never',
      variants: edits,
    })
    assertRefused(edited, { path: 'variants.1.price', message })
    const now = productIn(await seller.call('GET', `/api/products/${id}`))
    assert.deepEqual(now.variants, variants)
    assert.equal(now.title, aProduct().title)
  }
})

test('the least, the most, the free and whole steps are prices', async (t) => {
  const { system, seller } = await shop(t)
  const prices: readonly (readonly [string, number])[] = [
    ['EUR', 0],
    ['EUR', 50],
    ['EUR', 99_999_999],
    ['HUF', 490_000],
    ['ISK', 500],
    ['KWD', 5_120],
    ['IDR', 100_000_000],
  ]
  for (const [currency, price] of prices) {
    const made = await seller.create({ variants: [aVariant({ currency, price })] })
    const [variant] = made.variants
    assert.equal(variant?.price, price)
    const bought = await system.place(newId(), [{ sku: variant?.sku ?? '', quantity: 1 }], {
      wait: 10,
    })
    assert.deepEqual([bought.status, bought.body.total], [201, price], JSON.stringify(bought.body))
  }
})
