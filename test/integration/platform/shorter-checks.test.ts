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
import { createEmptyDatabase, createTestFolder } from '../../support/stores.ts'

const mine = '0011_shorter_checks'

/** Tries every pair of words, the known ones and some that nobody knows, and says which a row may have. */
const tryWords = `
  create function allowed() returns setof text language plpgsql as $$
  declare
    one text;
    other text;
    outcomes text[] := '{NULL,confirmed,expired,cancelled,payment_failed,rejected,sold_out,lost,"",reserved}';
    steps text[] := '{NULL,processing,shipped,delivered,paid,""}';
  begin
    foreach one in array '{assembling,waiting,reserved,paying,paid,processing,shipped,delivered,expired,cancelled,
        payment_failed,refunded,rejected,sold_out,confirmed,lost,"",NULL}'::text[] loop
      foreach other in array outcomes loop
        begin
          insert into orders (id, buyer_id, state, outcome) values (gen_random_uuid(), gen_random_uuid(), one, other);
          return next concat_ws(' ', 'order', one, other);
        exception when check_violation or not_null_violation then null;
        end;
      end loop;
    end loop;
    foreach one in array '{asked,held,sold,released,returned,void,lost,"",NULL}'::text[] loop
      foreach other in array steps loop
        begin
          insert into order_lines (order_id, sku, quantity, stock, progress)
            values (gen_random_uuid(), 'CUP', 1, one, other);
          return next concat_ws(' ', 'line', one, other);
        exception when check_violation or not_null_violation then null;
        end;
      end loop;
    end loop;
  end $$`

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
