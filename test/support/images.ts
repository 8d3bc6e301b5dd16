/** A seller with a product, pictures to upload, and the way from one to the other. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import sharp, { type Sharp } from 'sharp'
import { newId } from '../../src/kernel/ids.ts'
import { sql } from '../../src/platform/postgres/pool.ts'
import { eventually } from './eventually.ts'
import { createTestFolder } from './stores.ts'
import { startTestSystem, type TestSystem } from './system.ts'

export interface Announced {
  readonly image: { readonly id: string; readonly status: string; readonly reason: string | null }
  readonly upload: {
    readonly url: string
    readonly method: string
    readonly headers: Readonly<Record<string, string>>
    readonly expiresAt: string
  }
}

export async function startShopWithPictures(
  t: TestContext,
  options: {
    readonly settings?: Readonly<Record<string, string>>
    readonly workers?: number
  } = {},
) {
  const folder = createTestFolder(t)
  const system = await startTestSystem(t, {
    ...options,
    settings: { DATA_DIR: folder, ...options.settings },
  })
  const seller = await addSeller(system)
  const created = await system.call('POST', '/api/products', {
    buyer: seller,
    role: 'seller',
    body: {
      title: 'A lamp',
      category: 'home',
      variants: [{ sku: `LAMP-${newId().slice(-8)}`, price: 1_000, currency: 'EUR', stock: 5 }],
    },
  })
  assert.equal(created.status, 201)
  const path = `/api/products/${created.body.id}/images`
  const as = { buyer: seller, role: 'seller' as const }

  const announce = async (contentType: string, bytes: number): Promise<Announced> => {
    const answer = await system.call('POST', path, { ...as, body: { contentType, bytes } })
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    const { image, upload } = answer.body
    return { image, upload } as Announced
  }
  const imageOf = async (id: string) => {
    const { body } = await system.call('GET', path, as)
    const items = body.items as readonly unknown[] as readonly (Announced['image'] & {
      readonly width: number | null
      readonly height: number | null
      readonly sizes: readonly { readonly width: number; readonly url: string }[]
    })[]
    return items.find((item) => item.id === id)
  }
  return {
    system,
    folder,
    seller,
    productId: created.body.id,
    path,
    as,
    announce,
    imageOf,
    /** Announces and uploads; returns the image's id. */
    async upload(contentType: string, file: Buffer): Promise<string> {
      const { image, upload } = await announce(contentType, file.length)
      const answer = await send(upload, file)
      assert.ok(answer.ok, `${answer.status}`)
      return image.id
    },
    /** Waits until an image is ready or refused. */
    outcomeOf: (id: string) =>
      eventually(async () => {
        const image = await imageOf(id)
        assert.ok(image)
        assert.match(image.status, /ready|refused/)
        return image
      }),
  }
}

/** Does what the announcement says. */
export function send(upload: Announced['upload'], file: Buffer): Promise<Response> {
  const { 'content-length': _own, ...headers } = upload.headers
  return fetch(upload.url, { method: upload.method, headers, body: new Uint8Array(file) })
}

export async function addSeller(system: Pick<TestSystem, 'pool'>): Promise<string> {
  const id = newId()
  await system.pool.query(sql.typeAlias('none')`
    insert into accounts (id, email, name, role, password_hash)
    values (${id}, ${`${id}@example.com`}, 'Seller', 'seller', '-')`)
  return id
}

/** A picture of noise, which does not get small. */
export function picture(width: number, height: number): Sharp {
  return sharp({
    create: {
      width,
      height,
      channels: 3,
      background: { r: 200, g: 120, b: 40 },
      noise: { type: 'gaussian', mean: 120, sigma: 40 },
    },
  })
}
