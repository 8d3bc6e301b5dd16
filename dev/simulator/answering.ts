/** Reading requests and writing answers, as lean as node:http lets it be. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../src/kernel/clock.ts'
import { StripeFailure } from './failure.ts'
import { limits } from './limits.ts'
import { apiVersion, renderAnswer } from './render.ts'

export interface Address {
  readonly method: string
  readonly path: string
  readonly query: string
}

export function addressOf(request: IncomingMessage): Address {
  const { url = '/', method = 'GET' } = request
  const at = url.indexOf('?')
  return at < 0
    ? { method, path: url, query: '' }
    : { method, path: url.slice(0, at), query: url.slice(at + 1) }
}

/** Calls `then` with the whole body, or with undefined when it is too large. A request that breaks off is forgotten. */
export function readBody(request: IncomingMessage, then: (body: string | undefined) => void): void {
  if (request.method === 'GET') {
    request.resume()
    then('')
    return
  }
  const chunks: Buffer[] = []
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= limits.bodyBytes) chunks.push(chunk)
  })
  request.once('end', () => {
    if (bytes > limits.bodyBytes) then(undefined)
    else then((chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))?.toString() ?? '')
  })
}

/** The headers of every answer of the API. */
export function stripeHeaders(request: IncomingMessage, requestId: string): string[] {
  const version = request.headers['stripe-version']
  return ['request-id', requestId, 'stripe-version', String(version ?? apiVersion)]
}

export function sendJson(
  response: ServerResponse,
  status: number,
  json: string,
  headers: readonly string[] = [],
): void {
  const length = String(Buffer.byteLength(json))
  response.writeHead(status, [
    'content-type',
    'application/json',
    'content-length',
    length,
    'cache-control',
    'no-cache, no-store',
    ...headers,
  ])
  response.end(json)
}

export function sendFailure(
  response: ServerResponse,
  failure: StripeFailure,
  headers: readonly string[],
): void {
  sendJson(response, failure.answer.status, renderAnswer(failure.answer), [
    ...headers,
    ...failure.headers,
  ])
}

/** Cuts the connection without an answer. */
export function cut(response: ServerResponse): void {
  response.socket?.destroy()
}

/** Leaves the request without an answer until the client goes away, or cuts it after a minute. */
export function hang(response: ServerResponse, clock: Clock): void {
  const cancel = clock.after(limits.hangMs, () => cut(response))
  response.once('close', cancel)
}

/** 500 or 503, kept by an idempotency key when the work had begun. */
export function serverError(status: 500 | 503, message: string): StripeFailure {
  return new StripeFailure(status, { type: 'api_error', message }, { stored: true })
}
