/**
 * The command `verify`: checks every guarantee on the stores of a running or a stopped system. With `--json`,
 * standard output is the report and nothing else. Exit code 0 kept, 1 broken, 2 it could not be checked.
 */
import type { DatabasePool } from 'slonik'
import type { Config } from '../config/config.ts'
import { systemClock } from '../kernel/clock.ts'
import type { GuaranteeReport } from '../ops/findings.ts'
import { checkGuarantees } from '../ops/guarantees.ts'
import { reportText } from '../ops/report-text.ts'
import { openPool } from '../platform/postgres/pool.ts'
import { requireSchema } from '../platform/postgres/schema.ts'
import { openRedis, type RedisClient } from '../platform/redis/client.ts'
import type { CommandLine } from './command-line.ts'
import { complain, type Role } from './run-role.ts'

const connectMs = 5_000

export interface StoreUrls {
  readonly databaseUrl: string
  readonly redisUrl: string
  /** How often the system on these stores looks at deadlines; undefined when it is not known. */
  readonly sweepSeconds?: number | undefined
}

export interface Subject {
  readonly config: Config
  /** Lends the stores for as long as `use` takes. */
  readonly lend: <T>(use: (urls: StoreUrls) => Promise<T>) => Promise<T>
}

/** The command on what `open` finds. Whatever `open` throws is code 2. */
export function verifyRole(open: () => Subject): Role {
  return {
    command: 'npm run verify',
    flags: { json: { type: 'boolean' } },
    refusedCode: 2,
    help: `Checks every promise of the design on the stores at DATABASE_URL and REDIS_URL, else on those of DATA_DIR.
The system may run meanwhile. Changes nothing.

  --json   prints the report as JSON, and nothing else, on standard output

Exit code: 0 all promises kept, 1 one is broken, 2 it could not be checked.`,
    run: (line) => verify(line, open),
  }
}

async function verify(line: CommandLine, open: () => Subject): Promise<number> {
  try {
    return await check(line.has('json'), open)
  } catch (error) {
    const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    complain(`cannot check: ${line}`)
    return 2
  }
}

async function check(json: boolean, open: () => Subject): Promise<number> {
  const { config, lend } = open()
  const notes: string[] = []
  const stopped = interrupted()
  const { report, whole } = await lend((urls) =>
    Promise.race([checkStores(urls, config, (note) => notes.push(note)), stopped]),
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
): Promise<{ report: GuaranteeReport; whole: boolean }> {
  await requireSchema(databaseUrl, { clock: systemClock, patienceMs: 0 })
  // Deadlines are judged by what the running system does, not by what this command was told.
  const config = { ...settings, SWEEP_SECONDS: sweepSeconds ?? settings.SWEEP_SECONDS }
  const redis = openRedis(redisUrl, 'gate', () => {})
  let pool: DatabasePool | undefined
  try {
    pool = await openPool(databaseUrl, { max: 4, statementTimeoutMs: 60_000, onError: () => {} })
    const before = await connected(redis)
    const report = await checkGuarantees({ pool, redis, config, clock: systemClock, note })
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
