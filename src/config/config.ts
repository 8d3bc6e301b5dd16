/** The only reader of the environment. A bad value stops the start with one line that names it. */
import { z } from 'zod'
import { limits } from '../kernel/limits.ts'

/** Secrets of the embedded default; refused with NODE_ENV=production. */
export const demoSecrets = {
  jwt: 'demo-jwt-secret-that-nobody-should-deploy',
  webhook: 'whsec_demo_secret_that_nobody_should_deploy',
} as const

const whole = (min: number, max: number) => z.coerce.number().int().min(min).max(max)
const switchedOn = z.enum(['0', '1']).transform((value) => value === '1')

const environment = z.object({
  NODE_ENV: z.enum(['development', 'test', 'production']).default('development'),
  PORT: whole(0, 65_535).default(3000),
  HOST: z.string().min(1).default('127.0.0.1'),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must start with postgres://')
    .optional(),
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\/[^,]+(,rediss?:\/\/[^,]+)*$/, 'must be redis:// URLs, separated by commas')
    .optional(),
  DATA_DIR: z.string().min(1).default('.data'),
  JWT_SECRET: z.string().min(32, 'must have 32 characters or more').default(demoSecrets.jwt),
  HOLD_SECONDS: whole(1, 86_400).default(900),
  SWEEP_SECONDS: whole(1, 3600).default(60),
  MAX_PAYMENT_ATTEMPTS: whole(1, 20).default(3),
  PAYMENT_OUTAGE: z.enum(['release', 'keep']).default('release'),
  PAYMENT_METHODS: z.enum(['immediate', 'any']).default('immediate'),
  DECLINES_PER_HOUR: whole(0, 10_000).default(10),
  STOCK_STRATEGY: z.enum(['actor', 'pessimistic']).default('actor'),
  MAILBOX_UNITS: whole(1, 100_000_000).default(limits.mailboxUnits),
  RATE_LIMIT_PER_MINUTE: whole(0, 10_000_000).default(600),
  STRIPE_SECRET_KEY: z.string().min(1).optional(),
  STRIPE_WEBHOOK_SECRET: z.string().min(1).default(demoSecrets.webhook),
  STRIPE_API_BASE: z.url().optional(),
  STRIPE_REQUESTS_PER_SECOND: whole(0, 10_000).optional(),
  STRIPE_REQUESTS_PER_ENDPOINT: whole(0, 10_000).optional(),
  STRIPE_RECEIPT_EMAIL: switchedOn.default(false),
  SMTP_URL: z.url().optional(),
  MAIL_FROM: z.string().min(3).default('Sluice <shop@sluice.example>'),
  MAIL_REPLY_TO: z.string().min(3).optional(),
  S3_ENDPOINT: z.url().optional(),
  S3_BUCKET: z.string().min(1).optional(),
  S3_REGION: z.string().min(1).default('us-east-1'),
  S3_ACCESS_KEY_ID: z.string().min(1).optional(),
  S3_SECRET_ACCESS_KEY: z.string().min(1).optional(),
  PUBLIC_URL: z.url().optional(),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  CORS_ORIGINS: z.string().default(''),
  TRUST_PROXY: whole(0, 10).default(0),
  BENCH_ROUTES: switchedOn.default(false),
})

export type Config = Readonly<z.infer<typeof environment>>

/** What a process that talks to both stores has: config with the two URLs present. */
export type ConnectedConfig = Config & { readonly DATABASE_URL: string; readonly REDIS_URL: string }

export class ConfigError extends Error {
  override name = 'ConfigError'
}

/** Parses settings; throws a one-line {@link ConfigError} that names the first bad one. */
export function loadConfig(env: Record<string, string | undefined> = process.env): Config {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const parsed = environment.safeParse(present)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new ConfigError(
      `${issue?.path.join('.') ?? 'settings'}: ${issue?.message ?? 'not valid'}`,
    )
  }
  const config = parsed.data
  if (!config.S3_ACCESS_KEY_ID !== !config.S3_SECRET_ACCESS_KEY) {
    throw new ConfigError('S3_ACCESS_KEY_ID: goes with S3_SECRET_ACCESS_KEY, set both or neither')
  }
  if (config.NODE_ENV === 'production') refuseDemoSecrets(config)
  return Object.freeze(config)
}

/** Narrows to {@link ConnectedConfig}; throws when one of the two URLs is missing. */
export function requireStores(config: Config): ConnectedConfig {
  if (!config.DATABASE_URL) throw new ConfigError('DATABASE_URL: is not set')
  if (!config.REDIS_URL) throw new ConfigError('REDIS_URL: is not set')
  return config as ConnectedConfig
}

function refuseDemoSecrets(config: Config): void {
  if (config.JWT_SECRET === demoSecrets.jwt) {
    throw new ConfigError('JWT_SECRET: must be set to a secret of your own in production')
  }
  if (!config.STRIPE_SECRET_KEY) {
    throw new ConfigError('STRIPE_SECRET_KEY: must be set in production')
  }
  if (config.STRIPE_WEBHOOK_SECRET === demoSecrets.webhook) {
    throw new ConfigError(
      'STRIPE_WEBHOOK_SECRET: must be set to a secret of your own in production',
    )
  }
}
