// A tool finds the stores of a system by its settings, by the runtime file of a running one, or by the
// data folder of a stopped one, which it starts and stops. Real stores in a private folder.
import assert from 'node:assert/strict'
import test from 'node:test'
import { isAlive } from '../../../dev/processes.ts'
import { writeRuntime } from '../../../dev/runtime-file.ts'
import { type Services, startServices } from '../../../dev/services.ts'
import { withStores } from '../../../dev/with-stores.ts'
import { ConfigError } from '../../../src/config/config.ts'
import type { StoreUrls } from '../../../src/system/verify.ts'
import { createTestFolder } from '../../support/stores.ts'

const quiet = () => {}
const settings = (dataDir: string, more: { DATABASE_URL?: string; REDIS_URL?: string } = {}) => ({
  DATA_DIR: dataDir,
  DATABASE_URL: more.DATABASE_URL,
  REDIS_URL: more.REDIS_URL,
})
const urls = async ({ databaseUrl, redisUrl }: StoreUrls) => [databaseUrl, redisUrl]
const sweep = async ({ sweepSeconds }: StoreUrls) => sweepSeconds

function noteAsRunning(dataDir: string, services: Services): void {
  const { databaseUrl, redisUrl, processes } = services
  const common = { apiUrl: '', stripeUrl: null, mailDir: '', sweepSeconds: 7 }
  writeRuntime(dataDir, { ...common, databaseUrl, redisUrl, processes })
}

test('the settings come first', async (t) => {
  const both = { DATABASE_URL: 'postgres://there/db', REDIS_URL: 'redis://there' }
  const found = await withStores(settings(createTestFolder(t), both), quiet, urls)
  assert.deepEqual(found, ['postgres://there/db', 'redis://there'])
})

test('a running system lends its stores, and a stopped one is started for as long as it takes', async (t) => {
  const dataDir = createTestFolder(t)
  const services = await startServices({ dataDir, log: quiet })
  t.after(() => services.stop())
  noteAsRunning(dataDir, services)
  const running = [services.databaseUrl, services.redisUrl]
  assert.deepEqual(await withStores(settings(dataDir), quiet, urls), running)
  assert.equal(await withStores(settings(dataDir), quiet, sweep), 7)
  const named = { DATABASE_URL: services.databaseUrl, REDIS_URL: services.redisUrl }
  assert.equal(await withStores(settings(dataDir, named), quiet, sweep), 7)
  const elsewhere = { ...named, DATABASE_URL: 'postgres://there/db' }
  assert.equal(await withStores(settings(dataDir, elsewhere), quiet, sweep), undefined)
  await services.stop()
  const lent = await withStores(settings(dataDir), quiet, async (stores) => {
    const { processes } = stores as Services
    assert.equal(processes.filter(({ pid }) => isAlive(pid)).length, 2)
    return processes
  })
  assert.equal(lent.filter(({ pid }) => isAlive(pid)).length, 0)
})

test('an empty folder, or one address without the other, is refused in words', async (t) => {
  const dataDir = createTestFolder(t)
  const refusal = (error: unknown) => error instanceof ConfigError && error.message
  await assert.rejects(withStores(settings(dataDir), quiet, urls), (error) => {
    assert.match(String(refusal(error)), /^DATA_DIR: .* holds no system/)
    return true
  })
  const half = settings(dataDir, { DATABASE_URL: 'postgres://there/db' })
  await assert.rejects(withStores(half, quiet, urls), /^ConfigError: REDIS_URL: is not set/)
})
