import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import {
  AppError,
  type InputError,
  type ProblemCode,
  type ProblemExtras,
  problems,
} from '../../kernel/errors.ts'
import { isOutage } from './outage.ts'

const problemContentType = 'application/problem+json; charset=utf-8'

/** Fastify's own refusals, by its code. */
const frameworkProblems: Readonly<Record<string, readonly [ProblemCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload_too_large', 'The body is larger than this route accepts.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'Send the body as application/json.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['validation_failed', 'The body is empty.'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['validation_failed', 'The body is not valid JSON.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'validation_failed',
    'The length of the body differs from Content-Length.',
  ],
  FST_ERR_BAD_URL: ['validation_failed', 'The path is not a valid URL path.'],
  FST_ERR_MAX_PARAM_LENGTH: ['not_found', 'No route has this path.'],
  FST_ERR_HANDLER_TIMEOUT: ['overloaded', 'The answer took too long. Try again in a moment.'],
}

/** For what other plugins throw with a status of their own. */
const statusProblems: Readonly<Record<number, ProblemCode>> = {
  400: 'validation_failed',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  406: 'not_acceptable',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  429: 'rate_limited',
  503: 'overloaded',
}

/**
 * Answers with a problem document (RFC 9457) without throwing. Refusals are the most frequent answer of
 * a flash sale, and an error object with its stack costs more than the rest of the request.
 */
export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  code: ProblemCode,
  detail: string,
  extras?: ProblemExtras,
): FastifyReply {
  const { status, title } = problems[code]
  const url = request.url
  const query = url.indexOf('?')
  reply.code(status).header('content-type', problemContentType)
  const retryAfter = extras?.retryAfterSeconds ?? (status === 503 || status === 429 ? 1 : undefined)
  if (retryAfter !== undefined) reply.header('retry-after', Math.max(1, Math.ceil(retryAfter)))
  if (status === 401 && !reply.hasHeader('www-authenticate')) {
    reply.header('www-authenticate', 'Bearer')
  }
  return reply.send(
    JSON.stringify({
      type: `/problems/${code}`,
      title,
      status,
      detail,
      instance: query < 0 ? url : url.slice(0, query),
      code,
      requestId: request.id,
      errors: extras?.errors,
      ...extras?.members,
    }),
  )
}

/** Makes every failure of `app` a problem document. Only failures of our own are logged as errors. */
export function handleProblems(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply))
}

/** The one place where an error becomes an answer. Unknown errors say nothing about their cause. */
export function answerError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error instanceof AppError) {
    if (error.status >= 500) logFailure('warn', error, request)
    return sendProblem(request, reply, error.code, error.message, error.extras)
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    const part = partNames[error.validationContext ?? 'body'] ?? 'request'
    return sendProblem(request, reply, 'validation_failed', `The ${part} is not valid.`, {
      errors: error.validation.flatMap(inputErrors),
    })
  }
  if (isOutage(error)) {
    logFailure('warn', error, request)
    return sendProblem(
      request,
      reply,
      'overloaded',
      'PostgreSQL or Redis cannot be reached. Try again in a moment.',
    )
  }
  const { code = '', statusCode = 500 } = (error ?? {}) as Partial<FastifyError>
  const known = frameworkProblems[code]
  if (known) return sendProblem(request, reply, known[0], known[1])
  const other = statusProblems[statusCode]
  if (other) return sendProblem(request, reply, other, `${problems[other].title}.`)
  logFailure('error', error, request)
  return sendProblem(
    request,
    reply,
    'internal',
    'The server logged the failure under the requestId of this answer.',
  )
}

const partNames: Readonly<Record<string, string>> = {
  body: 'body',
  querystring: 'query',
  params: 'path',
  headers: 'header',
}

interface Issue {
  readonly keyword: string
  readonly instancePath: string
  readonly message?: string
  readonly params: { readonly keys?: unknown }
}

/** `/items/0/quantity` becomes `items.0.quantity`; each unknown member is named on its own. */
function inputErrors(issue: Issue): InputError[] {
  const path = issue.instancePath.slice(1).replaceAll('/', '.')
  if (issue.keyword === 'unrecognized_keys' && Array.isArray(issue.params.keys)) {
    const prefix = path === '' ? '' : `${path}.`
    return issue.params.keys.slice(0, 20).map((key) => ({
      path: `${prefix}${String(key).slice(0, 100)}`,
      message: 'This request has no such member',
    }))
  }
  return [{ path, message: issue.message ?? 'Is not valid' }]
}

function logFailure(level: 'warn' | 'error', error: unknown, request: FastifyRequest): void {
  request.log[level](
    { err: error, requestId: request.id, method: request.method, path: request.url.split('?')[0] },
    'a request failed; the client got a problem document',
  )
}
