// Shops that are made up have pictures: a few drawings, shown by many products.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { addDemoPictures, addMadeUpPictures } from '../../../dev/demo-pictures.ts'
import { demoPictures, seedDemoShop } from '../../../dev/demo-shop.ts'
import { openImageStore } from '../../../src/images/open-store.ts'
import { systemClock } from '../../../src/kernel/clock.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { createTestFolder } from '../../support/stores.ts'
import { startTestSystem } from '../../support/system.ts'

const SlugRow = z.object({ slug: z.string() })

test('every product of a seeded shop has a picture, and a second run adds none', async (t) => {
  const system = await startTestSystem(t, {
    settings: { DATA_DIR: join(createTestFolder(t), 'data') },
    workers: 0,
  })
  const { pool } = system
  await seedDemoShop(pool)
  const { store } = await openImageStore(system.config, systemClock)
  await system.addSku()
  for (let run = 0; run < 2; run += 1) {
    await addDemoPictures(pool, store, demoPictures)
    assert.equal(await addMadeUpPictures(pool, store), run === 0 ? 1 : 0)
  }
  const slugs = await pool.anyFirst(sql.type(SlugRow)`select slug from products`)
  assert.equal(slugs.length, 4)
  for (const slug of slugs) {
    const { body } = await system.call('GET', `/api/products/${slug}`)
    const [image, ...more] = body.images as { url: string }[]
    assert.deepEqual(more, [])
    const shown = await fetch(`${system.url}${image?.url}`)
    assert.equal(shown.status, 200)
    assert.equal(shown.headers.get('content-type'), 'image/webp')
    await shown.arrayBuffer()
  }
})
