/**
 * `npm run verify`: checks every promise on a running or a stopped system. `-- --json` for machines: then
 * standard output is the report and nothing else. Exit code 0 kept, 1 broken, 2 it could not be checked.
 */
import '../src/config/node-version.ts'
import type { DatabasePool } from 'slonik'
import { type Config, loadConfig } from '../src/config/config.ts'
import { systemClock } from '../src/kernel/clock.ts'
import type { PromiseReport } from '../src/ops/findings.ts'
import { checkPromises } from '../src/ops/promises.ts'
import { reportText } from '../src/ops/report-text.ts'
import { openPool } from '../src/platform/postgres/pool.ts'
import { openRedis, type RedisClient } from '../src/platform/redis/client.ts'
import { type StoreUrls, withStores } from './with-stores.ts'

const connectMs = 5_000
const complain = (line: string) => process.stderr.write(`${line}\n`)

async function main(args: readonly string[]): Promise<number> {
  const json = args.includes('--json')
  const strange = args.find((arg) => arg !== '--json')
  if (strange !== undefined)
    throw new Error(`${strange}: not known; usage: npm run verify [-- --json]`)
  const config = loadConfig()
  const notes: string[] = []
  const check = (urls: StoreUrls) => checkStores(urls, config, (note) => notes.push(note))
  const stopped = interrupted()
  const { report, whole } = await withStores(config, complain, (urls) =>
    Promise.race([check(urls), stopped]),
  )
  if (json) process.stdout.write(`${JSON.stringify(report)}\n`)
  else process.stdout.write(`${reportText(report, notes)}\n`)
  if (json) for (const note of notes) complain(`note: ${note}`)
  if (!report.kept) return 1
  if (!whole) complain('cannot check everything: Redis does not answer')
  return whole ? 0 : 2
}

/** Rejects at the first signal: stores that were started for the check are stopped on the way out. */
function interrupted(): Promise<never> {
  return new Promise((_resolve, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => reject(new Error('interrupted')))
    }
  })
}

async function checkStores(
  { databaseUrl, redisUrl, sweepSeconds }: StoreUrls,
  settings: Config,
  note: (sentence: string) => void,
): Promise<{ report: PromiseReport; whole: boolean }> {
  // Deadlines are judged by what the running system does, not by what this command was told.
  const config = { ...settings, SWEEP_SECONDS: sweepSeconds ?? settings.SWEEP_SECONDS }
  const redis = openRedis(redisUrl, 'gate', () => {})
  let pool: DatabasePool | undefined
  try {
    pool = await openPool(databaseUrl, { max: 4, statementTimeoutMs: 60_000, onError: () => {} })
    const before = await connected(redis)
    const report = await checkPromises({ pool, redis, config, note })
    return { report, whole: before && (await connected(redis)) }
  } finally {
    redis.disconnect()
    await pool?.end()
  }
}

async function connected(redis: RedisClient): Promise<boolean> {
  const deadline = systemClock.monotonic() + connectMs
  while (redis.status !== 'ready') {
    if (systemClock.monotonic() > deadline) return false
    await systemClock.sleep(20)
  }
  return true
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    complain(`cannot check: ${line}`)
    process.exit(2)
  },
)
