/** Products for tests, made over HTTP as a seller makes them. */
import assert from 'node:assert/strict'
import { newId } from '../../src/kernel/ids.ts'
import { sql } from '../../src/platform/postgres/pool.ts'
import type { Answer, TestSystem } from './system.ts'

export interface VariantBody {
  readonly sku: string
  readonly options: Readonly<Record<string, string>>
  readonly price: number
  readonly currency: string
  readonly stock: number
}

export interface ProductBody {
  readonly title: string
  readonly description: string
  readonly category: string
  readonly variants: readonly VariantBody[]
}

/** What a product's page answers. */
export interface ProductAnswer {
  readonly id: string
  readonly slug: string
  readonly title: string
  readonly version: number
  readonly variants: readonly {
    readonly sku: string
    readonly options: Readonly<Record<string, string>>
    readonly price: number
    readonly available: number
  }[]
}

export function aVariant(given: Partial<VariantBody> = {}): VariantBody {
  return {
    sku: `SKU-${newId().slice(-12)}`,
    options: { color: 'red', size: 'M' },
    price: 1_900,
    currency: 'EUR',
    stock: 5,
    ...given,
  }
}

export function aProduct(given: Partial<ProductBody> = {}): ProductBody {
  return {
    title: 'Harbour Shirt',
    description: 'Heavy cotton.',
    category: 'shirts',
    variants: [aVariant()],
    ...given,
  }
}

/** A seller with an account, and their calls. */
export async function aSeller(system: Pick<TestSystem, 'pool' | 'call' | 'untilOwned'>) {
  const id = newId()
  await system.pool.query(sql.typeAlias('none')`
    insert into accounts (id, email, name, role, password_hash)
    values (${id}, ${`${id}@example.com`}, 'Sam Seller', 'seller', '-')`)
  const call = (
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> => system.call(method, path, { buyer: id, role: 'seller', body, headers })
  return {
    id,
    call,
    /** When this resolves, what was made can be bought. */
    create: async (given: Partial<ProductBody> = {}): Promise<ProductAnswer> => {
      const made = await call('POST', '/api/products', aProduct(given))
      assert.equal(made.status, 201, JSON.stringify(made.body))
      const product = productIn(made)
      for (const { sku } of product.variants) await system.untilOwned(sku)
      return product
    },
  }
}

export function productIn(answer: Answer): ProductAnswer {
  return JSON.parse(JSON.stringify(answer.body)) as ProductAnswer
}
