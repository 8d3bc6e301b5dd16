// Pictures in a bucket: the file goes straight there, and comes straight from there.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { eventually } from '../../support/eventually.ts'
import { picture, send, startShopWithPictures } from '../../support/images.ts'
import { startTinyBucket } from '../../support/tiny-bucket.ts'

test('a picture is uploaded to the bucket, noticed there, sized, and shown from there', async (t) => {
  const bucket = await startTinyBucket(t)
  const shop = await startShopWithPictures(t, { settings: bucket.settings })
  const file = await picture(900, 500).png().toBuffer()
  const { image, upload } = await shop.announce('image/png', file.length)
  const endpoint = `${bucket.settings.S3_ENDPOINT}/pictures/originals/${image.id}?`
  assert.ok(upload.url.startsWith(endpoint), upload.url)

  // The bucket holds to what was signed.
  assert.equal((await send(upload, Buffer.alloc(file.length + 1))).status, 403)
  const otherType = { ...upload, headers: { 'content-type': 'text/html' } }
  assert.equal((await send(otherType, file)).status, 403)
  assert.equal(bucket.objects.size, 0)

  assert.equal((await send(upload, file)).status, 200)
  // Nobody tells the shop: it looks by itself.
  const seen = await shop.outcomeOf(image.id)
  assert.deepEqual([seen.status, seen.width, seen.height], ['ready', 900, 500])
  const stored = () =>
    [...bucket.objects].map(([key, { contentType, cacheControl }]) => [
      key,
      contentType,
      cacheControl,
    ])
  const immutable = 'public, max-age=31536000, immutable'
  // The original goes when its sizes are ready.
  await eventually(() =>
    assert.deepEqual(
      stored().sort(),
      [1600, 320, 800].map((width) => [
        `/pictures/images/${image.id}/${width}.webp`,
        'image/webp',
        immutable,
      ]),
    ),
  )
  const moved = await fetch(`${shop.system.url}/images/${image.id}/320.webp`, {
    redirect: 'manual',
  })
  assert.equal(moved.status, 302)
  assert.equal(moved.headers.get('cache-control'), 'public, max-age=1800')
  const shown = await fetch(moved.headers.get('location') ?? '')
  const { format, width } = await sharp(Buffer.from(await shown.arrayBuffer())).metadata()
  assert.deepEqual([format, width], ['webp', 320])

  const gone = await shop.system.call('DELETE', `${shop.path}/${image.id}`, shop.as)
  assert.equal(gone.status, 204)
  assert.equal(bucket.objects.size, 0)
})

test('a bucket that is away is no reason to refuse a picture', async (t) => {
  const bucket = await startTinyBucket(t)
  const shop = await startShopWithPictures(t, { settings: bucket.settings, workers: 0 })
  const file = await picture(90, 50).png().toBuffer()
  const { image, upload } = await shop.announce('image/png', file.length)
  assert.equal((await send(upload, file)).status, 200)
  const done = await shop.system.call('POST', `${shop.path}/${image.id}/complete`, shop.as)
  assert.equal(done.status, 202)
  bucket.setAway(true)
  await shop.system.startWorker()
  const attempts = () =>
    shop.system.pool.one(sql.typeAlias('count')`
      select attempts as count from product_images where id = ${image.id}`)
  await eventually(async () => assert.equal((await attempts()).count, 1))
  assert.equal((await shop.imageOf(image.id))?.status, 'processing')
  bucket.setAway(false)
  await eventually(async () => {
    // As if its minute had passed.
    await shop.system.pool.query(sql.typeAlias('none')`
      update product_images set due_at = now() where id = ${image.id}`)
    assert.equal((await shop.imageOf(image.id))?.status, 'ready')
  })
})
