import type { Config } from '../src/config/config.ts'
import { handledEventTypes } from '../src/payments/event-types.ts'
import { simulatorUrl } from '../src/payments/stripe-gateway.ts'
import { createLogger } from '../src/platform/telemetry/logger.ts'
import { type CommandLine, UsageError } from '../src/system/command-line.ts'
import type { RateScript } from './simulator/rate-limits.ts'
import { eventTypes } from './simulator/records.ts'
import type { SimulatorOptions } from './simulator/start-simulator.ts'

/** The payment simulator as the role `stripe` runs it: beside the shop, with the shop's settings. */
export function simulatorOptions(config: Config): SimulatorOptions {
  const { hostname, port } = new URL(config.STRIPE_API_BASE ?? simulatorUrl)
  const host = ['0.0.0.0', '::'].includes(config.HOST) ? '127.0.0.1' : config.HOST
  const shop =
    config.PUBLIC_URL ?? `http://${host.includes(':') ? `[${host}]` : host}:${config.PORT}`
  return {
    environment: config.NODE_ENV,
    log: createLogger({ level: config.LOG_LEVEL, role: 'stripe' }),
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 80),
    secretKey: config.STRIPE_SECRET_KEY,
    webhook: {
      url: new URL('/webhooks/stripe', shop).href,
      secret: config.STRIPE_WEBHOOK_SECRET,
      // An endpoint at the provider is set up for the events that it works on.
      events: eventTypes.filter((type) => handledEventTypes.has(type)),
    },
    dataDir: config.DATA_DIR,
  }
}

/** What `npm run stripe` takes: requests per second, of the account and of each endpoint. */
export const rateFlags = {
  'per-second': { type: 'string' },
  'endpoint-per-second': { type: 'string' },
} as const

/** The rate limits that a command line asks for. @throws UsageError when one is no whole number. */
export function ratesOf(line: Pick<CommandLine, 'value'>): Partial<RateScript> {
  const numberOf = (flag: keyof typeof rateFlags) => {
    const given = line.value(flag)
    if (given === undefined) return null
    if (!/^\d{1,6}$/.test(given)) throw new UsageError(`--${flag}: ${given} is no whole number`)
    return Number(given)
  }
  return {
    perSecond: numberOf('per-second'),
    endpointPerSecond: numberOf('endpoint-per-second'),
  }
}
