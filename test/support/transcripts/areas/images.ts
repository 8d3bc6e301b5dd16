/** Pictures: announced, uploaded, sized, shown, and taken away. */
import assert from 'node:assert/strict'
import { z } from 'zod'
import { newId } from '../../../../src/kernel/ids.ts'
import type { Answered, Person } from '../recorder.ts'
import type { Stage } from '../stage.ts'

/** One pixel. */
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

const Announced = z.object({
  image: z.looseObject({ id: z.string() }),
  upload: z.object({ url: z.string(), headers: z.record(z.string(), z.string()) }),
})

export async function images(stage: Stage): Promise<void> {
  const as = await stage.person('painter', 'seller')
  const variants = [{ sku: 'IMG-VASE', price: 900, currency: 'EUR', stock: 1 }]
  const body = { title: 'A golden vase', category: 'golden pictures', variants }
  const { body: product } = await stage.send('POST /api/products', { as, body })
  const path = `/api/products/${product.id}/images`
  await announcing(stage, as, path)
  const id = await uploading(stage, as, path)
  await refused(stage, as, path)
  await showing(stage, as, path, id)
}

async function announcing(stage: Stage, as: Person, path: string): Promise<void> {
  const { play } = stage
  const good = { contentType: 'image/png', bytes: 100 }
  const announce = (title: string, body: unknown, who: Person | null = as, to = path) =>
    play(title, `POST ${to}`, { ...(who && { as: who }), body })
  await announce('All that can be wrong', { contentType: 'image/svg+xml', bytes: 0, name: 'x' })
  await announce('Too large', { contentType: 'image/png', bytes: 11_000_000 })
  await announce('Not to the product of another seller', good, stage.seller)
  await announce('Not by a buyer', good, await stage.person('paul', 'buyer'))
  await announce('Nobody', good, null)
  await announce('No such product', good, as, `/api/products/${newId()}/images`)
}

async function uploading(stage: Stage, as: Person, path: string): Promise<string> {
  const { play } = stage
  const file = new Uint8Array(png)
  const { image, upload } = await announced(stage, as, path, 'A picture', 'image/png', file.length)
  await play('Nothing has come yet', `POST ${path}/${image.id}/complete`, { as })
  const { 'content-length': _length, ...headers } = upload.headers
  const put = (title: string, to: string, raw: Uint8Array<ArrayBuffer> = file) =>
    play(title, `PUT ${to.replace(stage.system.url, '')}`, { raw, headers })
  await put('Another length', upload.url, new Uint8Array(7))
  await put('Another signature', upload.url.replace(/signature=.*/, `signature=${'A'.repeat(43)}`))
  await put('No signature', upload.url.replace(/\?.*/, ''))
  await put('The file', upload.url)
  await put('Once is enough', upload.url)
  await play('The upload is done', `POST ${path}/${image.id}/complete`, {
    as,
    without: ['status', 'width', 'height', 'sizes'],
  })
  const ready = ({ text }: Answered) => text.includes('"status":"ready"')
  await stage.until('It is sized', `GET ${path}`, { as }, ready)
  return image.id
}

async function announced(
  stage: Stage,
  as: Person,
  path: string,
  title: string,
  contentType: string,
  bytes: number,
) {
  const ask = { as, body: { contentType, bytes } }
  const { body } = await stage.play(title, `POST ${path}`, ask)
  return Announced.parse(body)
}

async function refused(stage: Stage, as: Person, path: string): Promise<void> {
  const { play } = stage
  const file = new TextEncoder().encode('#!/bin/sh')
  const { image, upload } = await announced(stage, as, path, 'No picture', 'image/png', file.length)
  const { 'content-length': _length, ...headers } = upload.headers
  const { status } = await stage.send(`PUT ${upload.url.replace(stage.system.url, '')}`, {
    raw: file,
    headers,
  })
  assert.equal(status, 204)
  const isRefused = ({ text }: Answered) => text.includes('"status":"refused"')
  await stage.until('It is refused', `GET ${path}`, { as }, isRefused)
  await play('It is taken away', `DELETE ${path}/${image.id}`, { as })
}

async function showing(stage: Stage, as: Person, path: string, id: string): Promise<void> {
  const { play } = stage
  const product = path.replace('/images', '')
  const shown = ({ text }: Answered) => text.includes(`/images/${id}/`)
  await stage.until('The product shows it', `GET ${product}`, {}, shown)
  await play('It is in the list', 'GET /api/products?category=golden+pictures')
  const size = `/images/${id}/320.webp`
  const { headers } = await play('A size of it', `GET ${size}`)
  await play('Only its headers', `HEAD ${size}`)
  const etag = headers.get('etag') ?? ''
  await play('It never changes', `GET ${size}`, { headers: { 'if-none-match': etag } })
  await play('A size that is none', `GET /images/${id}/7.webp`)
  await play('No such picture', `GET /images/${newId()}/320.webp`)
  await play('All pictures of the product', `GET ${path}`, { as })
  await play('Not for another seller', `GET ${path}`, { as: stage.seller })
  await play('Not for nobody', `GET ${path}`)
  const remove = (title: string, image: string, who = as) =>
    play(title, `DELETE ${path}/${image}`, { as: who })
  await remove('Another seller takes nothing away', id, stage.seller)
  await remove('No such picture of the product', newId())
  await remove('An id that is none', 'x')
  await remove('Its seller takes it away', id)
  await play('It is gone', `GET ${size}`)
  await play('No such picture to complete', `POST ${path}/${newId()}/complete`, { as })
}
