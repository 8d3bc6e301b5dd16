// Pictures on the disk store: from the announcement to what is shown, and what is never shown.
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import sharp from 'sharp'
import { z } from 'zod'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { eventually } from '../../support/eventually.ts'
import { addSeller, picture, send, startShopWithPictures } from '../../support/images.ts'
import { aSeller } from '../../support/products.ts'

const actionRow = z.object({ action: z.string() })

test('an uploaded picture is sized, shown with its product, and carries nothing along', async (t) => {
  const shop = await startShopWithPictures(t)
  const { system, path, as } = shop
  const file = await picture(1_000, 600)
    .jpeg()
    .withMetadata({ orientation: 6 })
    .withExif({ IFD0: { Copyright: 'Somebody' }, IFD3: { GPSLatitudeRef: 'N' } })
    .toBuffer()
  assert.ok((await sharp(file).metadata()).exif)
  const before = await system.call('GET', `/api/products/${shop.productId}`)
  assert.deepEqual(before.body.images, [])

  const id = await shop.upload('image/jpeg', file)
  assert.equal((await system.call('POST', `${path}/${id}/complete`, as)).status, 202)
  const image = await shop.outcomeOf(id)
  assert.equal(image.status, 'ready')
  // Turned by its orientation.
  assert.deepEqual([image.width, image.height], [600, 1_000])
  assert.deepEqual(
    image.sizes.map(({ width }) => width),
    [320, 800, 1600],
  )

  await eventually(async () => {
    const { body } = await system.call('GET', `/api/products/${shop.productId}`)
    const [shown] = body.images as { id: string; url: string }[]
    assert.equal(shown?.id, id)
    assert.equal(shown.url, `/images/${id}/800.webp`)
  })
  for (const [width, expected] of [
    [320, 320],
    [800, 600],
    [1600, 600],
  ]) {
    const answer = await fetch(`${system.url}/images/${id}/${width}.webp`)
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('content-type'), 'image/webp')
    assert.equal(answer.headers.get('cache-control'), 'public, max-age=31536000, immutable')
    const bytes = Buffer.from(await answer.arrayBuffer())
    const seen = await sharp(bytes).metadata()
    assert.deepEqual([seen.format, seen.width, seen.exif], ['webp', expected, undefined])
    const etag = answer.headers.get('etag') ?? ''
    const again = await fetch(answer.url, { headers: { 'if-none-match': etag } })
    assert.equal(again.status, 304)
  }
  // The original may say where it was taken: it is gone.
  await eventually(async () =>
    assert.deepEqual(await readdir(join(shop.folder, 'images', 'originals')), []),
  )

  assert.equal((await system.call('DELETE', `${path}/${id}`, as)).status, 204)
  assert.equal((await fetch(`${system.url}/images/${id}/800.webp`)).status, 404)
  await eventually(async () => {
    const { body } = await system.call('GET', `/api/products/${shop.productId}`)
    assert.deepEqual(body.images, [])
  })
  const actions = await system.pool.anyFirst(sql.type(actionRow)`
    select action from audit_log where subject = ${`product:${shop.productId}`} order by id`)
  assert.deepEqual(actions, ['product.created', 'product.image_added', 'product.image_removed'])
})

test('what is no picture, another kind, cut off, or too large to unfold is refused with the reason', async (t) => {
  const shop = await startShopWithPictures(t)
  const png = await picture(400, 300).png().toBuffer()
  const jpeg = await picture(800, 600).jpeg().toBuffer()
  // 400 million pixels in under a megabyte.
  const bomb = await sharp({
    create: { width: 20_000, height: 20_000, channels: 3, background: 'black' },
    limitInputPixels: false,
  })
    .png({ compressionLevel: 9, palette: false })
    .toBuffer()
  assert.ok(bomb.length < 3_000_000)
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
  const files: readonly [string, string, Buffer][] = [
    ['not_an_image', 'image/png', Buffer.from('#!/bin/sh\necho hello\n')],
    ['not_an_image', 'image/png', svg],
    ['wrong_type', 'image/jpeg', png],
    ['damaged', 'image/jpeg', jpeg.subarray(0, jpeg.length / 2)],
    ['damaged', 'image/png', png.subarray(0, png.length / 2)],
    ['too_many_pixels', 'image/png', bomb],
  ]
  for (const [reason, contentType, file] of files) {
    const id = await shop.upload(contentType, file)
    const image = await shop.outcomeOf(id)
    assert.deepEqual([image.status, image.reason, image.sizes], ['refused', reason, []])
    assert.equal((await fetch(`${shop.system.url}/images/${id}/320.webp`)).status, 404)
  }
  const { body } = await shop.system.call('GET', `/api/products/${shop.productId}`)
  assert.deepEqual(body.images, [])
})

test('an upload URL takes one file, of the announced type and length, while it is valid', async (t) => {
  const shop = await startShopWithPictures(t, { workers: 0 })
  const file = await picture(40, 30).png().toBuffer()
  const { image, upload } = await shop.announce('image/png', file.length)
  assert.ok(upload.url.startsWith(`${shop.system.url}/uploads/${image.id}?`))
  const other = Buffer.alloc(file.length + 1)
  const changed = (change: (url: URL) => void, headers = upload.headers) => {
    const url = new URL(upload.url)
    change(url)
    return send({ ...upload, url: url.href, headers }, file)
  }
  const statuses = [
    (await send(upload, other)).status,
    (await changed(() => {}, { 'content-type': 'image/jpeg' })).status,
    (await changed((url) => url.searchParams.set('expires', '9999999999'))).status,
    (await changed((url) => url.searchParams.set('signature', 'A'.repeat(43)))).status,
    (await changed((url) => url.searchParams.delete('signature'))).status,
    (
      await changed((url) => {
        url.pathname = `/uploads/${newId()}`
      })
    ).status,
    (
      await changed((url) => {
        url.pathname = '/uploads/..%2f..%2fetc%2fpasswd'
      })
    ).status,
  ]
  assert.deepEqual(statuses, [403, 403, 403, 403, 400, 403, 400])
  const early = await shop.system.call('POST', `${shop.path}/${image.id}/complete`, shop.as)
  assert.equal(early.status, 409)

  assert.equal((await send(upload, file)).status, 204)
  assert.equal((await shop.imageOf(image.id))?.status, 'processing')
  // Once is enough.
  assert.equal((await send(upload, file)).status, 409)
})

test('an upload that breaks off leaves nothing behind, and can be tried again', async (t) => {
  const shop = await startShopWithPictures(t, { workers: 0 })
  const file = await picture(400, 300).png().toBuffer()
  const { image, upload } = await shop.announce('image/png', file.length)
  const aborting = new AbortController()
  const half = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(new Uint8Array(file.subarray(0, 1_000)))
      await eventually(async () =>
        assert.equal((await readdir(join(shop.folder, 'images', 'originals'))).length, 1),
      )
      aborting.abort()
    },
  })
  const broken = fetch(upload.url, {
    method: 'PUT',
    headers: upload.headers,
    body: half,
    duplex: 'half',
    signal: aborting.signal,
  })
  await assert.rejects(broken)
  await eventually(async () =>
    assert.deepEqual(await readdir(join(shop.folder, 'images', 'originals')), []),
  )
  assert.equal((await shop.imageOf(image.id))?.status, 'pending')
  assert.equal((await send(upload, file)).status, 204)
})

test('pictures are announced by the seller of the product, within limits', async (t) => {
  const shop = await startShopWithPictures(t, { workers: 0 })
  const { system, path } = shop
  const body = { contentType: 'image/png', bytes: 1_000 }
  const post = async (options: Parameters<typeof system.call>[2]) =>
    (await system.call('POST', path, { body, ...options })).status
  assert.equal(await post({}), 401)
  assert.equal(await post({ buyer: newId() }), 403)
  assert.equal(await post({ buyer: await addSeller(system), role: 'seller' }), 404)
  for (const bad of [
    { contentType: 'image/svg+xml', bytes: 10 },
    { contentType: 'image/png', bytes: 0 },
    { contentType: 'image/png', bytes: 10 * 1024 * 1024 + 1 },
    { contentType: 'image/png' },
    { contentType: 'image/png', bytes: 10, status: 'ready' },
  ]) {
    assert.equal(await post({ ...shop.as, body: bad }), 400)
  }
  const many = await Promise.all(Array.from({ length: 25 }, () => post(shop.as)))
  assert.equal(many.filter((status) => status === 201).length, 20)
  assert.equal(many.filter((status) => status === 400).length, 5)
})

test('a seller reaches no picture of another one through a product of their own', async (t) => {
  const shop = await startShopWithPictures(t)
  const { system } = shop
  const file = await picture(40, 30).png().toBuffer()
  const ready = await shop.upload('image/png', file)
  assert.equal((await shop.outcomeOf(ready)).status, 'ready')
  const { image: pending } = await shop.announce('image/png', file.length)
  const other = await aSeller(system)
  const own = await other.create()
  for (const id of [ready, pending.id]) {
    for (const [method, end] of [
      ['POST', '/complete'],
      ['DELETE', ''],
    ] as const) {
      for (const product of [own.id, own.slug, shop.productId]) {
        const answer = await other.call(method, `/api/products/${product}/images/${id}${end}`)
        assert.deepEqual([answer.status, answer.body.code], [404, 'not_found'])
      }
    }
  }
  assert.equal((await shop.imageOf(ready))?.status, 'ready')
  assert.equal((await shop.imageOf(pending.id))?.status, 'pending')
  assert.equal((await fetch(`${system.url}/images/${ready}/320.webp`)).status, 200)
})

test('a picture that takes its worker down is not tried for ever, and old announcements are forgotten', async (t) => {
  const shop = await startShopWithPictures(t, { workers: 0 })
  const file = await picture(40, 30).png().toBuffer()
  const id = await shop.upload('image/png', file)
  const { image: stale } = await shop.announce('image/png', 10)
  await shop.system.pool.query(sql.typeAlias('none')`
    update product_images set attempts = 6 where id = ${id}`)
  await shop.system.pool.query(sql.typeAlias('none')`
    update product_images set created_at = now() - interval '2 hours' where id = ${stale.id}`)
  await shop.system.startWorker()
  const image = await shop.outcomeOf(id)
  assert.deepEqual([image.status, image.reason], ['refused', 'not_processable'])
  await eventually(async () => assert.equal(await shop.imageOf(stale.id), undefined))
})
