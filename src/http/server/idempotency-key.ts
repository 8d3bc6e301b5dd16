import type { FastifyReply, FastifyRequest } from 'fastify'
import { limits } from '../../kernel/limits.ts'
import { sendProblem } from './problem.ts'

const visible = /^[\x21-\x7e]+$/

/** The header's value, or null when it was refused and the reply is sent. */
export function idempotencyKey(request: FastifyRequest, reply: FastifyReply): string | null {
  const key = request.headers['idempotency-key']
  if (key === undefined || key === '') {
    sendProblem(request, reply, 'idempotency_key_missing', 'Send an Idempotency-Key header.')
    return null
  }
  if (typeof key === 'string' && key.length <= limits.idempotencyKeyLength && visible.test(key)) {
    return key
  }
  const message = `1 to ${limits.idempotencyKeyLength} visible ASCII characters`
  sendProblem(request, reply, 'validation_failed', 'The Idempotency-Key is not valid.', {
    errors: [{ path: 'Idempotency-Key', message }],
  })
  return null
}
