/**
 * A payment provider of our own for development, tests and benchmarks: it speaks as much of Stripe's API as a
 * shop needs, signs webhooks, and misbehaves on demand. It takes no money and is refused in production.
 */
import { mkdirSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../src/kernel/clock.ts'
import type { Logger } from '../../src/platform/telemetry/logger.ts'
import { addressOf, cut, readBody } from './answering.ts'
import { ApiKeys } from './api-keys.ts'
import { clientSecretOf } from './bank-page.ts'
import { Faults } from './faults.ts'
import { Journal } from './journal.ts'
import { limits } from './limits.ts'
import type { WebhookTarget } from './post-webhook.ts'
import { noRateLimits, RateLimits, type RateScript } from './rate-limits.ts'
import type { EventRecord } from './records.ts'
import type { Scripting } from './scripting.ts'
import { SearchIndex } from './search-index.ts'
import { type ApiServing, serveApi } from './serve-api.ts'
import { serveScript } from './serve-script.ts'
import { settleInTime } from './settle-in-time.ts'
import { SlowBanks } from './slow-banks.ts'
import { Store } from './store.ts'
import { randomFraction } from './stripe-ids.ts'
import { Webhooks } from './webhooks.ts'

export interface SimulatorOptions {
  readonly environment: 'development' | 'test' | 'production'
  readonly log: Logger
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 0: any free one. */
  readonly port?: number
  /** The one key that is accepted; without it, any that begins with `sk_test_`. */
  readonly secretKey?: string | undefined
  /** Where events go, and with what they are signed; without it nowhere, until a script names it. */
  readonly webhook?: WebhookTarget | undefined
  /** Keeps `simulator.jsonl`, for one simulator at a time; without it a restart forgets everything. */
  readonly dataDir?: string | undefined
  /** How many requests the account may make; default any number, until a script says otherwise. */
  readonly rateLimits?: Partial<RateScript>
  readonly clock?: Clock
  /** From 0 up to 1; decides on latencies, losses and back-offs. */
  readonly random?: () => number
}

export interface Simulator {
  readonly url: string
  /** Takes no more requests and resolves when those under way are answered, at the latest after 2 seconds. */
  stop(): Promise<void>
}

/** A start that cannot succeed, in one line for a person. */
export class SimulatorRefused extends Error {
  override name = 'SimulatorRefused'
}

/**
 * Resolves when the simulator listens. @throws SimulatorRefused in production or when the port is taken;
 * JournalDamaged when its file cannot be read.
 */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { environment, log, dataDir, clock = systemClock, random = randomFraction } = options
  if (environment === 'production') {
    throw new SimulatorRefused('the payment simulator does not run with NODE_ENV=production')
  }
  if (dataDir !== undefined) mkdirSync(dataDir, { recursive: true })
  const journal = dataDir === undefined ? undefined : new Journal(join(dataDir, 'simulator.jsonl'))
  const webhooks: Webhooks = new Webhooks({
    target: options.webhook,
    clock,
    random,
    settled: (eventId) => store.settle(eventId),
  })
  const store: Store = new Store({
    clock,
    journal,
    onEvent: (event: EventRecord) => webhooks.take(event),
    onChange: (change) => change.kind === 'pi' && search.note(change.record),
  })
  const search = new SearchIndex(store, () => clock.now())
  await store.load()
  const inTime = settleInTime(store, clock)
  const faults = new Faults(random)
  let url = ''
  const api = {
    store,
    charging: {
      store,
      bankUrl: (record: Parameters<typeof clientSecretOf>[0]) =>
        `${url}/_sim/bank/${record.id}?client_secret=${clientSecretOf(record)}`,
      settleLater: inTime.paymentIntent,
    },
    refunding: { store, settleLater: inTime.refund },
    search,
  }
  const rateLimits = new RateLimits({ ...noRateLimits, ...options.rateLimits })
  const keys = new ApiKeys(options.secretKey)
  const banks = new SlowBanks(random)
  const locked = new Set<string>()
  const serving: ApiServing = { api, faults, rateLimits, clock, log, keys, banks, locked }
  const scripting = { ...serving, webhooks }

  const server = serverOf(serving, scripting)

  url = await listen(server, options.host ?? '127.0.0.1', options.port ?? 0, () => {
    // Only now is it certain that no other simulator answers here: the file is ours.
    store.startJournal()
    for (const event of store.undelivered()) webhooks.take(event)
    inTime.resume()
  })
  return {
    url,
    stop: async () => {
      const overdue = clock.after(limits.stopMs, () => server.closeAllConnections())
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
      overdue()
      inTime.stop()
      webhooks.stop()
      store.close()
    },
  }
}

/** Hands each request to the API or to the scripts. */
function serverOf(serving: ApiServing, scripting: Scripting): Server {
  const server = createServer({ keepAliveTimeout: limits.keepAliveMs }, (request, response) => {
    const address = addressOf(request)
    const script = address.path.startsWith('/_sim/')
    readBody(request, (body) => {
      if (!script) return serveApi(serving, request, response, address, body)
      serveScript(scripting, request, response, address, body).catch((error: unknown) => {
        serving.log.error({ err: error, path: address.path }, 'request failed')
        cut(response)
      })
    })
  })
  server.maxConnections = limits.connections
  return server
}

function listen(
  server: Server,
  host: string,
  port: number,
  whenListening: () => void,
): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'is taken' : `cannot be used (${error.code})`
      reject(new SimulatorRefused(`port ${port} on ${host} ${why}`))
    })
    server.listen({ host, port }, () => {
      try {
        whenListening()
      } catch (error) {
        server.close()
        return reject(error)
      }
      const address = server.address()
      const actual = typeof address === 'object' && address ? address.port : port
      const reachable = ['0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host
      resolve(`http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${actual}`)
    })
  })
}
