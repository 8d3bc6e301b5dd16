/** The payment simulator for tests: with Stripe's own client, its scripts, and a shop that takes webhooks. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { pino } from 'pino'
import Stripe from 'stripe'
import {
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from '../../dev/simulator/start-simulator.ts'
import { closeAfter } from './at-the-end.ts'

type Closing = Pick<TestContext, 'after'>

export const testStripeKey = 'sk_test_of_the_tests'

export interface TestSimulator extends Simulator {
  /** Stripe's client; asks once unless told otherwise. */
  readonly stripe: Stripe
  /** Calls one of the simulator's own addresses, as in `('PUT', 'faults', { outage: 'drop' })`. */
  script(method: string, path: string, body?: object): Promise<Record<string, unknown>>
}

/** A simulator of the test's own on any free port. */
export async function startTestSimulator(
  t: Closing,
  options: Partial<SimulatorOptions> = {},
): Promise<TestSimulator> {
  const log = pino({ level: 'silent' })
  const simulator = await startSimulator({ environment: 'test', log, ...options })
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= simulator.stop()
    return stopped
  }
  closeAfter(t, stop)
  const { url } = simulator
  return {
    url,
    stop,
    stripe: stripeAt(url),
    script: async (method, path, body) => {
      const answer = await fetch(`${url}/_sim/${path}`, {
        method,
        headers: { authorization: `Bearer ${testStripeKey}` },
        ...(body ? { body: JSON.stringify(body) } : {}),
      })
      const json = (await answer.json()) as Record<string, unknown>
      if (!answer.ok) throw new Error(`${answer.status}: ${JSON.stringify(json)}`)
      return json
    },
  }
}

export function stripeAt(url: string, more: Stripe.StripeConfig = {}): Stripe {
  const { hostname, port } = new URL(url)
  return new Stripe(testStripeKey, {
    host: hostname,
    port,
    protocol: 'http',
    maxNetworkRetries: 0,
    telemetry: false,
    timeout: 10_000,
    ...more,
  })
}

export interface Received {
  readonly event: Stripe.Event
  readonly raw: string
  readonly headers: IncomingHttpHeaders
}

export interface TestReceiver {
  readonly url: string
  /** What arrived, in the order of arrival; refused ones included. */
  readonly received: Received[]
  /** Answered from now on; default 200. */
  answerWith(status: number): void
}

/** The shop's side of a webhook, on any free port. */
export async function startReceiver(t: Closing): Promise<TestReceiver> {
  const received: Received[] = []
  let status = 200
  const server = createServer((request, response) => {
    let raw = ''
    request.setEncoding('utf8')
    request.on('data', (text: string) => {
      raw += text
    })
    request.once('end', () => {
      received.push({ event: JSON.parse(raw) as Stripe.Event, raw, headers: request.headers })
      response.writeHead(status).end()
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  closeAfter(t, () => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/webhooks/stripe`,
    received,
    answerWith: (next) => {
      status = next
    },
  }
}
