/** The winners of a flash sale pay at once, behind the limits that the provider sets for an account. */
import { z } from 'zod'
import { systemClock } from '../../src/kernel/clock.ts'
import { newId } from '../../src/kernel/ids.ts'
import type { Access, BenchContext, Scenario } from '../ground/context.ts'
import { chargesOf } from '../ground/orders.ts'
import { type Measured, perSecond, round } from '../ground/results.ts'
import type { Servers } from '../ground/servers.ts'
import { stockFigures } from '../ground/stock.ts'
import { noLatency } from '../load/latency.ts'
import { bodyFor, checkoutPath, prepareSku } from './buying.ts'
import { callApi, payFor, type Winner } from './winner.ts'

/** What Stripe allows an account, and each endpoint. Calls a second. */
const perSecondMax = { account: 100, endpoint: 25 }
const winnersMax = 1_000
/** Shorter than it takes to pay for all: the queue must keep holds. Seconds. */
const settings = { HOLD_SECONDS: '30', SWEEP_SECONDS: '2' }
const limits = {
  STRIPE_REQUESTS_PER_SECOND: String(perSecondMax.account),
  STRIPE_REQUESTS_PER_ENDPOINT: String(perSecondMax.endpoint),
}
const reserveParallel = 32
const reserveTries = 20

/** Up to 1,000 winners (`--stock`), two APIs and a worker that know the limits. */
export const winners: Scenario = async (context) => {
  const { access, servers } = context
  if (!access || !servers) throw new Error('winners: needs servers and stores of its own')
  const count = Math.min(winnersMax, context.options.stock)
  const limited = { ...context.settings, ...settings, ...limits }
  await script(servers, 'PUT', 'rate_limits', {
    perSecond: perSecondMax.account,
    endpointPerSecond: perSecondMax.endpoint,
  })
  await servers.stopWorker()
  servers.startWorker(limited)
  try {
    const apis = [await servers.startApi(limited), await servers.startApi(limited)]
    const sku = await prepareSku(context, 'WON', count)
    const all = await reserveAll(context, sku, apis, count)
    await script(servers, 'DELETE', 'requests')
    const began = systemClock.monotonic()
    context.progress.update(`winners: ${count} pay at once`)
    await Promise.all(all.map((winner) => payFor(winner, context.signal)))
    const last = Math.max(began, ...all.map(({ paidAtMs }) => paidAtMs ?? began))
    const log = requestLog.parse(await script(servers, 'GET', 'requests'))
    return await measured(access, sku, all, { seconds: (last - began) / 1000, log })
  } finally {
    await servers.stopMoreApis()
    await servers.stopWorker()
    await script(servers, 'PUT', 'rate_limits', {})
    servers.startWorker(context.settings)
  }
}

async function reserveAll(
  context: BenchContext,
  sku: string,
  apis: readonly string[],
  count: number,
): Promise<Winner[]> {
  const tokens = context.buyers.tokens()
  const all: Winner[] = []
  const queue = Array.from({ length: count }, (_, i) => ({
    api: apis[i % apis.length] as string,
    token: tokens[i % tokens.length] as string,
  }))
  const one = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      all.push({ ...next, id: await reserve(next.api, next.token, sku, context.signal) })
    }
  }
  await Promise.all(Array.from({ length: reserveParallel }, one))
  return all
}

const reservation = z.object({ id: z.string() })

async function reserve(api: string, token: string, sku: string, signal: AbortSignal) {
  const headers = { prefer: 'wait=10', 'idempotency-key': newId() }
  const request = { token, signal, headers, body: bodyFor(sku) }
  for (let tries = 1; ; tries++) {
    const { status, body } = await callApi(api, 'POST', checkoutPath, request)
    if (status === 201) return reservation.parse(body).id
    if (tries >= reserveTries) throw new Error(`winners: a reservation was answered ${status}`)
    await systemClock.sleep(200, signal)
    signal.throwIfAborted()
  }
}

const requestLog = z.object({
  refused: z.number(),
  most: z.object({ account: z.number(), endpoints: z.record(z.string(), z.number()) }),
  seconds: z.array(
    z.object({
      accepted: z.number(),
      refused: z.number(),
      endpoints: z.record(z.string(), z.object({ accepted: z.number(), refused: z.number() })),
    }),
  ),
})
type Log = z.infer<typeof requestLog>

/** Seconds in which more requests came than the limits allow, whether they were let in or not. */
function secondsAbove({ seconds }: Log): number {
  const all = (each: { accepted: number; refused: number }) => each.accepted + each.refused
  return seconds.filter(
    (second) =>
      all(second) > perSecondMax.account ||
      Object.values(second.endpoints).some((each) => all(each) > perSecondMax.endpoint),
  ).length
}

async function measured(
  access: Access,
  sku: string,
  all: readonly Winner[],
  { seconds, log }: { readonly seconds: number; readonly log: Log },
): Promise<Measured> {
  const told = (what: (winner: Winner) => boolean | undefined) => all.filter(what).length
  const { paid, captured, twice } = await chargesOf(access.pool, sku)
  const unitsLost = all.length - told(({ end }) => end === 'confirmed')
  const failedThenPaid = told(({ toldFailed, end }) => toldFailed && end === 'confirmed')
  const above = secondsAbove(log)
  const shortest = all.length / Math.min(perSecondMax.account, perSecondMax.endpoint)
  const counts: readonly (readonly [string, number, number])[] = [
    ['winners with a paid order', paid, all.length],
    ['winners who are charged in full', captured, all.length],
    ['winners who are charged too much', twice, 0],
    ['units that were lost', unitsLost, 0],
    ['winners who were told that it failed, and then paid', failedThenPaid, 0],
    ['seconds above the provider’s limit', above, 0],
    ['requests that the provider refused', log.refused, 0],
  ]
  return {
    ...{ connections: all.length, durationSeconds: round(seconds, 3) },
    ...{ requests: all.length, accepted: told(({ end }) => end === 'confirmed') },
    ...{ refused: told(({ toldFailed }) => toldFailed), errors: 0, statuses: {} },
    requestsPerSecond: perSecond(all.length, seconds),
    committed: paid,
    committedPerSecond: perSecond(paid, seconds),
    ...{ latencyMs: noLatency, commitLatencyMs: noLatency, latencyPoints: [] },
    stock: await stockFigures(access, sku),
    figures: {
      ...{ unitsLost, failedThenPaid, secondsAboveLimit: above },
      mostInASecond: Math.max(0, ...Object.values(log.most.endpoints)),
      timeToLimit: round(seconds / shortest, 3),
    },
    notes: [],
    breaches: counts
      .filter(([, is, must]) => is !== must)
      .map(([what, is, must]) => `${what}: ${is}, and it must be ${must}`),
  }
}

async function script(servers: Servers, method: string, path: string, body?: object) {
  const answer = await fetch(`${servers.stripeUrl}/_sim/${path}`, {
    method,
    headers: { authorization: 'Bearer sk_test_bench' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  const json: unknown = await answer.json()
  if (!answer.ok) throw new Error(`winners: the simulator answered ${answer.status} to ${path}`)
  return json
}
