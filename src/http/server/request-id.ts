import type { IncomingMessage } from 'node:http'
import { newId } from '../../kernel/ids.ts'

const sane = /^[A-Za-z0-9._:-]{8,128}$/

/** The client's X-Request-Id if it is fit for a log line, else a new UUIDv7. */
export function requestIdOf(request: { readonly headers: IncomingMessage['headers'] }): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && sane.test(given) ? given : newId()
}
