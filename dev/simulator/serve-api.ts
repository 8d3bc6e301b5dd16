import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../src/kernel/clock.ts'
import type { Logger } from '../../src/platform/telemetry/logger.ts'
import {
  type Address,
  cut,
  hang,
  sendFailure,
  sendJson,
  serverError,
  stripeHeaders,
} from './answering.ts'
import type { Api, Handler } from './api.ts'
import { type ApiKeys, permit } from './api-keys.ts'
import { StripeFailure } from './failure.ts'
import type { Fate, Faults } from './faults.ts'
import { Form } from './form.ts'
import { keyInUse } from './idempotency.ts'
import { lockTimeout, type RateLimits } from './rate-limits.ts'
import type { Answer } from './records.ts'
import { renderAnswer } from './render.ts'
import { type Found, findRoute, unrecognized } from './routes.ts'
import type { BankPace, SlowBanks } from './slow-banks.ts'
import { newStripeId } from './stripe-ids.ts'

export interface ApiServing {
  readonly api: Api
  readonly faults: Faults
  readonly rateLimits: RateLimits
  readonly clock: Clock
  readonly log: Logger
  readonly keys: ApiKeys
  readonly banks: SlowBanks
  /** Ids of PaymentIntents that a bank is being asked about. */
  readonly locked: Set<string>
}

interface Exchange {
  readonly serving: ApiServing
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly address: Address
  readonly body: string
  readonly requestId: string
  readonly headers: string[]
  readonly fate: Fate
}

const brokenServer = 'An unknown error occurred on our side.'
const formType = 'application/x-www-form-urlencoded'

/**
 * Answers one request of the Stripe API, in the order in which Stripe does: key of the account, rate
 * limits, address, idempotency key, work. Faults strike before, during or after the work.
 */
export function serveApi(
  serving: ApiServing,
  request: IncomingMessage,
  response: ServerResponse,
  address: Address,
  body: string | undefined,
): void {
  const { faults, clock } = serving
  const fate = faults.meet(`${address.method} ${address.path}`)
  if (fate.outage === 'hang') {
    hang(response, clock)
    return
  }
  if (fate.outage === 'drop' || fate.fault === 'drop_before') {
    cut(response)
    return
  }
  const requestId = newStripeId('req')
  const headers = stripeHeaders(request, requestId)
  const exchange = {
    serving,
    request,
    response,
    address,
    body: body ?? '',
    requestId,
    headers,
    fate,
  }
  guarded(exchange, () => {
    if (fate.outage === 'error') throw serverError(503, 'Stripe cannot be reached right now.')
    if (fate.fault === 'error_before') throw serverError(500, brokenServer)
    const key = serving.keys.ofRequest(request)
    const found = findRoute(address.method, address.path)
    admit(exchange, found)
    if (body === undefined) throw tooLarge()
    if (!found.route) throw unrecognized(address.method, address.path)
    permit(key, address.method, address.path)
    const handler = found.route(serving.api, found.id)
    if (handler.kind === 'read') read(exchange, handler)
    else write(exchange, handler, found)
  })
}

/** Counts the request until its answer is given. @throws StripeFailure 429 when it is too many, or a script says so. */
function admit({ serving, address, fate, response }: Exchange, { endpoint, id }: Found): void {
  const intent = address.method === 'POST' && endpoint.includes('/payment_intents/{id}')
  const leave = serving.rateLimits.admit({
    endpoint,
    intentId: intent ? id : undefined,
    second: Math.floor(serving.clock.now() / 1000),
    refusal: fate.refusal,
  })
  response.once('close', leave)
}

function read(exchange: Exchange, handler: Handler & { readonly kind: 'read' }): void {
  const { address, fate, response, headers } = exchange
  wait(exchange, fate.waitBeforeMs, () => {
    if (fate.fault === 'error_stored') throw serverError(500, brokenServer)
    const json = handler.read(Form.parse(address.query))
    wait(exchange, fate.waitAfterMs, () => {
      if (lost(exchange)) return
      sendJson(response, 200, json, headers)
    })
  })
}

function write(
  exchange: Exchange,
  handler: Handler & { readonly kind: 'write' },
  found: Found,
): void {
  const { serving, request, body, headers, fate } = exchange
  if (body !== '' && !String(request.headers['content-type'] ?? '').startsWith(formType)) {
    throw new StripeFailure(400, {
      type: 'invalid_request_error',
      message: `Invalid request (check that your POST content type is ${formType}).`,
    })
  }
  const key = keyOf(request)
  if (fate.fault === 'key_in_use') throw keyInUse(key ?? 'none')
  const before = serving.api.store.paymentIntents.get(found.id)
  const bank = serving.banks.meet(found.endpoint, () => Form.parse(body), before)
  if (key !== undefined) {
    headers.push('idempotency-key', key)
    const known = take(exchange, key)
    if (known) {
      reply(exchange, known)
      return
    }
  }
  const unlock = lock(exchange, found, key, bank)
  wait(exchange, fate.waitBeforeMs + bank.waitBeforeMs, () => {
    unlock()
    if (bank.dropped === 'before') {
      if (key !== undefined) serving.api.store.keys.forget(key)
      cut(exchange.response)
      return
    }
    const answer = work(exchange, handler, key)
    wait(exchange, bank.waitAfterMs, () => {
      if (bank.dropped === 'after') cut(exchange.response)
      else reply(exchange, answer)
    })
  })
}

/** Takes the key, or returns the answer that it has kept. @throws StripeFailure 400 and 409 */
function take(
  { serving, address, body, requestId, headers }: Exchange,
  key: string,
): Answer | undefined {
  const now = serving.clock.now()
  const { path } = address
  const known = serving.api.store.keys.begin({ key, path, body, now, requestId })
  if (!known?.answer) return undefined
  headers.push('original-request', known.requestId, 'idempotent-replayed', 'true')
  return known.answer
}

/**
 * Keeps others from the PaymentIntent while its bank is asked; call what it returns when the bank has answered.
 * @throws StripeFailure 429 when somebody else asks about it; the key is free again.
 */
function lock(
  { serving }: Exchange,
  { endpoint, id }: Found,
  key: string | undefined,
  { waitBeforeMs }: BankPace,
): () => void {
  const { locked } = serving
  if (!endpoint.includes('/payment_intents/{id}')) return () => {}
  if (locked.has(id)) {
    if (key !== undefined) serving.api.store.keys.forget(key)
    throw lockTimeout()
  }
  if (waitBeforeMs > 0) locked.add(id)
  return () => locked.delete(id)
}

/** Does the work, writes it down, and keeps the answer under the key. */
function work(
  { serving, body, requestId, fate }: Exchange,
  handler: Handler & { readonly kind: 'write' },
  key: string | undefined,
): Answer {
  const { store } = serving.api
  const work = store.begin({ requestId, idempotencyKey: key ?? null })
  let keep = false
  let kept: ReturnType<typeof store.keys.finish>
  try {
    if (fate.fault === 'error_stored') throw serverError(500, brokenServer)
    const done = handler.write(work, Form.parse(body))
    const broken = fate.fault === 'error_stored_after'
    const answer = broken ? serverError(500, brokenServer).answer : done
    keep = true
    kept = key === undefined ? undefined : store.keys.finish(key, answer)
    return answer
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error
    keep = error.stored
    if (keep && key !== undefined) kept = store.keys.finish(key, error.answer)
    return error.answer
  } finally {
    if (!keep && key !== undefined) store.keys.forget(key)
    store.commit(work, kept)
  }
}

function reply(exchange: Exchange, answer: Answer): void {
  wait(exchange, exchange.fate.waitAfterMs, () => {
    if (lost(exchange)) return
    // A failure that is kept comes again however often it is asked for.
    if (answer.status >= 500) exchange.headers.push('stripe-should-retry', 'false')
    sendJson(exchange.response, answer.status, renderAnswer(answer), exchange.headers)
  })
}

/** True when the answer is not given although the work is done. */
function lost({ fate, response }: Exchange): boolean {
  if (fate.fault === 'error_after') throw serverError(500, brokenServer)
  if (fate.fault === 'drop_after') cut(response)
  return fate.fault === 'drop_after'
}

function wait(exchange: Exchange, ms: number, then: () => void): void {
  if (ms <= 0) then()
  else void exchange.serving.clock.sleep(ms).then(() => guarded(exchange, then))
}

/** Answers with the failure that `act` throws. */
function guarded({ serving, response, headers, address }: Exchange, act: () => void): void {
  try {
    act()
  } catch (error) {
    const known = error instanceof StripeFailure
    if (!known) serving.log.error({ err: error, path: address.path }, 'request failed')
    if (!response.headersSent) {
      sendFailure(response, known ? error : serverError(500, brokenServer), headers)
    }
  }
}

function keyOf({ headers }: IncomingMessage): string | undefined {
  const key = headers['idempotency-key']
  return typeof key === 'string' && key !== '' ? key : undefined
}

function tooLarge(): StripeFailure {
  return new StripeFailure(413, {
    type: 'invalid_request_error',
    message: 'The request is too large.',
  })
}
