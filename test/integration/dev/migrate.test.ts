// Migrations are applied once, in order and by one at a time, and an edited one is refused. Against a
// private PostgreSQL database without tables.
import assert from 'node:assert/strict'
import { copyFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import pg from 'pg'
import { MigrationRefused, migrate, migrateDown } from '../../../src/platform/postgres/migrate.ts'
import { createTestDatabase, createTestFolder } from '../../support/stores.ts'

const quiet = () => {}
const own = new URL('../../../migrations/', import.meta.url).pathname

function folderWith(t: TestContext, files: Record<string, string>): string {
  const folder = createTestFolder(t)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

async function emptyDatabase(t: TestContext): Promise<string> {
  const url = await createTestDatabase(t)
  await run(url, 'drop schema public cascade; create schema public')
  return url
}

async function run(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

const first =
  '-- Up Migration\ncreate table one (id integer);\n-- Down Migration\ndrop table one;\n'

test('two migrations at once apply everything once', async (t) => {
  const url = await emptyDatabase(t)
  const applied = await Promise.all([1, 2, 3].map(() => migrate(url, quiet)))
  const files = readdirSync(own).filter((name) => name.endsWith('.sql'))
  assert.deepEqual(
    applied.flat().sort(),
    files.map((name) => name.slice(0, -4)),
  )
  assert.deepEqual(await migrate(url, quiet), [])
})

test('a migration that was edited after it had been applied is refused by name', async (t) => {
  const url = await emptyDatabase(t)
  const folder = folderWith(t, { '0001_one.sql': first })
  await migrate(url, quiet, { folder })
  writeFileSync(join(folder, '0001_one.sql'), first.replace('integer', 'bigint'))
  await assert.rejects(
    migrate(url, quiet, { folder }),
    (error) => error instanceof MigrationRefused && /0001_one\.sql was edited/.test(error.message),
  )
})

test('a migration that failed changes nothing, and may be corrected', async (t) => {
  const url = await emptyDatabase(t)
  const folder = folderWith(t, {
    '0001_one.sql': first,
    '0002_two.sql': '-- Up Migration\ncreate tabel two ();\n',
  })
  await assert.rejects(migrate(url, quiet, { folder }), /syntax error/)
  writeFileSync(join(folder, '0002_two.sql'), '-- Up Migration\ncreate table two ();\n')
  assert.deepEqual(await migrate(url, quiet, { folder }), ['0002_two'])
})

test('a migration that is added later is applied on top, and said', async (t) => {
  const url = await emptyDatabase(t)
  const folder = folderWith(t, { '0001_one.sql': first })
  await migrate(url, quiet, { folder })
  writeFileSync(join(folder, '0002_two.sql'), '-- Up Migration\nalter table one add name text;\n')
  const lines: string[] = []
  assert.deepEqual(await migrate(url, (line) => lines.push(line), { folder }), ['0002_two'])
  assert.deepEqual(lines, ['migrated: 0002_two'])
})

test('a file of another kind in the folder, a README for example, is no migration', async (t) => {
  const url = await emptyDatabase(t)
  const folder = folderWith(t, { '0001_one.sql': first, 'README.md': '# Migrations\n' })
  assert.deepEqual(await migrate(url, quiet, { folder }), ['0001_one'])
})

test('the last migration is taken back, and may be changed then', async (t) => {
  const url = await emptyDatabase(t)
  const second = '-- Up Migration\nalter table one add name text;\n'
  const folder = folderWith(t, { '0001_one.sql': first })
  await migrate(url, quiet, { folder })
  assert.equal(await migrateDown(url, { folder }), '0001_one')
  assert.equal(await migrateDown(url, { folder }), undefined)
  writeFileSync(join(folder, '0001_one.sql'), first.replace('integer', 'bigint'))
  writeFileSync(join(folder, '0002_two.sql'), second)
  assert.deepEqual(await migrate(url, quiet, { folder }), ['0001_one', '0002_two'])
  await assert.rejects(
    migrateDown(url, { folder }),
    (error) =>
      error instanceof MigrationRefused &&
      /^migration 0002_two\.sql has no way/.test(error.message),
  )
  assert.deepEqual(await migrate(url, quiet, { folder }), [])
})

test('a migration that was edited is not taken back, nor is one of a newer release', async (t) => {
  const url = await emptyDatabase(t)
  const folder = folderWith(t, { '0001_one.sql': first })
  await migrate(url, quiet, { folder })
  writeFileSync(join(folder, '0001_one.sql'), first.replace('drop table one', 'select 1'))
  await assert.rejects(migrateDown(url, { folder }), /0001_one\.sql was edited/)
  const older = folderWith(t, { '0000_none.sql': first })
  await assert.rejects(migrateDown(url, { folder: older }), /deploy a newer release/)
  assert.deepEqual(await run(url, 'select from one'), [])
})

test('waiting for another migration has an end', async (t) => {
  const url = await emptyDatabase(t)
  const holder = new pg.Client({ connectionString: url })
  await holder.connect()
  t.after(() => holder.end())
  await holder.query('select pg_advisory_lock(7582393001)')
  await assert.rejects(migrate(url, quiet, { waitMs: 50 }), /lock timeout/)
})

test('the project can be migrated down and up again', async (t) => {
  const url = await emptyDatabase(t)
  const folder = createTestFolder(t)
  for (const name of readdirSync(own).filter((each) => each.endsWith('.sql')))
    copyFileSync(join(own, name), join(folder, name))
  await migrate(url, quiet, { folder })
  const { runner } = await import('node-pg-migrate')
  const common = { databaseUrl: url, dir: folder, migrationsTable: 'migrations', count: 1_000 }
  await runner({
    ...common,
    direction: 'down',
    logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  })
  const left = await run(
    url,
    `select tablename from pg_tables where schemaname = 'public' order by 1`,
  )
  assert.deepEqual(
    left.map((row) => row.tablename),
    ['migration_checksums', 'migrations'],
  )
  assert.ok((await migrate(url, quiet, { folder })).length > 0)
})
