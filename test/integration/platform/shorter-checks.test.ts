// The constraints of orders and lines were written anew to be read faster. They allow what they allowed, and the way
// back restores them.
import assert from 'node:assert/strict'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { migrate, migrateDown } from '../../../src/platform/postgres/migrate.ts'
import {
  migrationNames,
  migrationsFolder,
  withClient,
} from '../../../src/platform/postgres/schema.ts'
import { tryWords } from '../../support/purchases/allowed-words.ts'
import { createEmptyDatabase, createTestFolder } from '../../support/stores.ts'

const mine = '0011_shorter_checks'

async function allowed(url: string): Promise<string[]> {
  const { rows } = await withClient(url, (client) =>
    client.query<{ words: string }>('select allowed() as words'),
  )
  return rows.map(({ words }) => words)
}

test('the shorter constraints allow the words that the longer ones did', async (t) => {
  const url = await createEmptyDatabase(t)
  const folder = createTestFolder(t)
  const add = (name: string) =>
    copyFileSync(join(migrationsFolder, `${name}.sql`), join(folder, `${name}.sql`))
  for (const name of migrationNames(migrationsFolder)) if (name < mine) add(name)
  await migrate(url, () => {}, { folder })
  await withClient(url, (client) => client.query(tryWords))
  const before = await allowed(url)
  assert.equal(before.length, 4 + 10 * 6 + 6 * 4)

  add(mine)
  assert.deepEqual(await migrate(url, () => {}, { folder }), [mine])
  assert.deepEqual(await allowed(url), before)
  assert.equal(await migrateDown(url, { folder }), mine)
  assert.deepEqual(await allowed(url), before)
})
