import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../src/kernel/clock.ts'
import type { Logger } from '../../src/platform/telemetry/logger.ts'
import {
  type Address,
  authorize,
  cut,
  hang,
  sendFailure,
  sendJson,
  serverError,
  stripeHeaders,
} from './answering.ts'
import { type Api, findHandler, type Handler } from './api.ts'
import { StripeFailure } from './failure.ts'
import type { Fate, Faults } from './faults.ts'
import { Form } from './form.ts'
import type { Answer } from './records.ts'
import { renderAnswer } from './render.ts'
import { newStripeId } from './stripe-ids.ts'

export interface ApiServing {
  readonly api: Api
  readonly faults: Faults
  readonly clock: Clock
  readonly log: Logger
  /** The one that is accepted; without it, any that begins with `sk_test_`. */
  readonly secretKey: string | undefined
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
 * Answers one request of the Stripe API, in the order in which Stripe does: key of the account, address,
 * idempotency key, work. Faults strike before, during or after the work.
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
    authorize(request, serving.secretKey)
    if (body === undefined) throw tooLarge()
    const handler = findHandler(serving.api, address.method, address.path)
    if (handler.kind === 'read') read(exchange, handler)
    else write(exchange, handler)
  })
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

function write(exchange: Exchange, handler: Handler & { readonly kind: 'write' }): void {
  const { serving, request, address, body, requestId, headers, fate } = exchange
  const { store } = serving.api
  if (body !== '' && !String(request.headers['content-type'] ?? '').startsWith(formType)) {
    throw new StripeFailure(400, {
      type: 'invalid_request_error',
      message: `Invalid request (check that your POST content type is ${formType}).`,
    })
  }
  const key = keyOf(request)
  if (key !== undefined) {
    headers.push('idempotency-key', key)
    const now = serving.clock.now()
    const known = store.keys.begin({ key, path: address.path, body, now, requestId })
    if (known?.answer) {
      headers.push('original-request', known.requestId, 'idempotent-replayed', 'true')
      reply(exchange, known.answer)
      return
    }
  }
  wait(exchange, fate.waitBeforeMs, () => {
    reply(exchange, work(exchange, handler, key))
  })
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
    const answer = handler.write(work, Form.parse(body))
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
