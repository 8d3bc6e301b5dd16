/**
 * The command `verify`: checks every guarantee on the stores of a running or a stopped system. With `--json`,
 * standard output is the report and nothing else. Exit code 0 kept, 1 broken, 2 it could not be checked.
 */
import type { DatabasePool } from 'slonik'
import { type Config, ConfigError } from '../config/config.ts'
import { systemClock } from '../kernel/clock.ts'
import { ProviderUnreachable } from '../ops/comparing.ts'
import type { GuaranteeReport, Note } from '../ops/findings.ts'
import { checkGuarantees } from '../ops/guarantees.ts'
import type { ProviderReport } from '../ops/provider-comparison.ts'
import { providerText } from '../ops/provider-text.ts'
import { reportText } from '../ops/report-text.ts'
import { openPool } from '../platform/postgres/pool.ts'
import { requireSchema } from '../platform/postgres/schema.ts'
import { openRedis, type RedisClient } from '../platform/redis/client.ts'
import type { CommandLine } from './command-line.ts'
import { complain, type Role } from './run-role.ts'
import { askProvider } from './verify-provider.ts'

const connectMs = 5_000

export interface StoreUrls {
  readonly databaseUrl: string
  readonly redisUrl: string
  /** How often the system on these stores looks at deadlines; undefined when it is not known. */
  readonly sweepSeconds?: number | undefined
  /** Where the system on these stores pays; null: at Stripe itself; undefined when it is not known. */
  readonly stripeUrl?: string | null | undefined
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
    flags: { json: { type: 'boolean' }, provider: { type: 'boolean' } },
    refusedCode: 2,
    help: `Checks every promise of the design on the stores at DATABASE_URL and REDIS_URL, else on those of DATA_DIR.
The system may run meanwhile. Changes nothing.

  --json       prints the report as JSON, and nothing else, on standard output
  --provider   also compares charges and refunds with the lists of the payment provider, both ways: at
               STRIPE_API_BASE with STRIPE_SECRET_KEY, else at the simulator of the shop that runs. Up to
               100,000 of each, the newest first. Calls count against STRIPE_REQUESTS_PER_SECOND.

Exit code: 0 all promises kept, 1 one is broken or something differs, 2 it could not be checked.`,
    run: (line) => verify(line, open),
  }
}

async function verify(line: CommandLine, open: () => Subject): Promise<number> {
  try {
    return await check({ json: line.has('json'), provider: line.has('provider') }, open)
  } catch (error) {
    complain(`cannot check: ${firstLine(error)}`)
    return 2
  }
}

function firstLine(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
  return line
}

interface Asked {
  readonly json: boolean
  readonly provider: boolean
}

/** What a check has found. `provider` is undefined when it was not asked for, null when it could not be. */
interface Found {
  readonly report: GuaranteeReport
  readonly whole: boolean
  readonly provider?: ProviderReport | null
  /** Why the provider could not be asked. */
  readonly why?: string
}

async function check({ json, provider }: Asked, open: () => Subject): Promise<number> {
  const { config, lend } = open()
  const notes: string[] = []
  const providerNotes: string[] = []
  const stopped = interrupted()
  const found = await lend((urls) =>
    Promise.race([
      checkStores(urls, config, (note) => notes.push(note), {
        ask: provider,
        note: (note) => providerNotes.push(note),
      }),
      stopped,
    ]),
  )
  tell(found, json, { notes, providerNotes })
  const kept = found.report.kept && found.provider?.kept !== false
  if (!kept) return 1
  if (!found.whole) complain('cannot check everything: Redis does not answer')
  return found.whole && found.provider !== null ? 0 : 2
}

function tell(
  { report, provider, why }: Found,
  json: boolean,
  { notes, providerNotes }: Readonly<Record<'notes' | 'providerNotes', readonly string[]>>,
): void {
  if (json) {
    const kept = report.kept && provider?.kept !== false
    const all = provider === undefined ? report : { ...report, kept, provider }
    process.stdout.write(`${JSON.stringify(all)}\n`)
    for (const note of [...notes, ...providerNotes]) complain(`note: ${note}`)
  } else {
    process.stdout.write(`${reportText(report, notes)}\n`)
    if (provider) process.stdout.write(`\n${providerText(provider, providerNotes)}\n`)
  }
  if (why !== undefined) complain(`cannot compare with the payment provider: ${why}`)
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
  { databaseUrl, redisUrl, sweepSeconds, stripeUrl }: StoreUrls,
  settings: Config,
  note: Note,
  provider: { readonly ask: boolean; readonly note: Note },
): Promise<Found> {
  await requireSchema(databaseUrl, { clock: systemClock, patienceMs: 0 })
  // Deadlines are judged by what the running system does, not by what this command was told.
  const config = { ...settings, SWEEP_SECONDS: sweepSeconds ?? settings.SWEEP_SECONDS }
  const redis = openRedis(redisUrl, 'gate', () => {})
  let pool: DatabasePool | undefined
  try {
    pool = await openPool(databaseUrl, { max: 4, statementTimeoutMs: 60_000, onError: () => {} })
    const before = await connected(redis)
    const report = await checkGuarantees({ pool, redis, config, clock: systemClock, note })
    const whole = before && (await connected(redis))
    if (!provider.ask) return { report, whole }
    try {
      const parts = { pool, redis, stripeUrl, note: provider.note }
      return { report, whole, provider: await askProvider(settings, parts) }
    } catch (error) {
      if (!(error instanceof ProviderUnreachable || error instanceof ConfigError)) throw error
      return { report, whole, provider: null, why: firstLine(error) }
    }
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
