/** Payments that are not done, or not right, for the operator who was woken up. */
import type { FastifyPluginAsync } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { type OpenPayment, openPaymentKinds, openPayments } from '../../flows/pay/open-payments.ts'
import { listOf, pageQuery } from '../schemas/list.ts'
import { problemResponses } from '../schemas/problem.ts'
import { pageOf, readCursor } from '../server/cursor.ts'
import { authenticate, requirePermission } from '../server/session.ts'

const kind = z.enum(openPaymentKinds)

const openPayment = z.object({
  kind,
  orderId: z.uuid().describe('Also the id of its checkout'),
  orderNumber: z.int().nullable(),
  attempt: z.int().nullable().describe('Which try to pay, from 1; of an attempt only'),
  refundId: z.uuid().nullable().describe('Of a refund only'),
  intentId: z.string().nullable().describe('The PaymentIntent at the provider, once it is known'),
  amount: z.int().describe('in minor units'),
  currency: z.string(),
  state: z.string(),
  since: z.iso.datetime(),
  reason: z.string(),
  tries: z.int().nullable().describe('How often a refund was asked for'),
  nextTryAt: z.iso
    .datetime()
    .nullable()
    .describe('When a job asks the provider again; null when none will, or in the queue'),
  action: z.string().describe('What the operator does'),
})

const mark = z.tuple([kind, z.uuid()])

/** For admins; the API process registers it. */
export function opsPaymentRoutes(deps: { readonly pool: DatabasePool }): FastifyPluginAsync {
  return async (scope) => {
    scope.withTypeProvider<ZodTypeProvider>().get(
      '/api/ops/payments',
      {
        onRequest: [authenticate, requirePermission('operations:read')],
        schema: {
          tags: ['operations'],
          security: [{ bearer: [] }],
          summary: 'List flagged payments, refunds that are owed, and attempts without a verdict',
          description:
            'Flagged payments come first: only a person can mend them. Then come refunds that have not reached the ' +
            'buyer, then attempts that the provider has not decided. Of each kind the oldest comes first. `reason` ' +
            'says why it is in the list, `nextTryAt` when the shop tries again by itself, and `action` what to do.',
          querystring: pageQuery.extend({ kind: kind.optional() }),
          response: { 200: listOf(openPayment), ...problemResponses(400, 401, 403, 429, 503) },
        },
      },
      async ({ query: { limit, cursor, kind: asked = null } }) => {
        const seen = readCursor(mark, cursor)
        const after = seen && { kind: seen[0], id: seen[1] }
        const rows = await openPayments(deps.pool, { limit: limit + 1, after, kind: asked })
        return pageOf(rows, { limit, show, mark: (row) => [row.kind, row.id] })
      },
    )
  }
}

function show(row: OpenPayment) {
  const { id, checkoutId, since, nextTryAt, error, ...rest } = row
  const { reason, action } = told(row)
  return {
    ...rest,
    orderId: checkoutId,
    refundId: row.kind === 'refund' ? id : null,
    since: since.toISOString(),
    reason: error ?? reason,
    nextTryAt: nextTryAt?.toISOString() ?? null,
    action,
  }
}

function told({ kind, state, id }: OpenPayment): { reason: string; action: string } {
  if (kind === 'flagged') {
    return {
      reason: 'The provider and the order do not agree',
      action:
        'Compare the intent at the provider with the order. Run npm run verify -- --provider. Refund what was charged wrongly.',
    }
  }
  if (kind === 'refund') {
    return state === 'failed'
      ? {
          reason: 'The provider refused the refund',
          action: `Mend the cause at the provider, then POST /api/ops/refunds/${id}/retry.`,
        }
      : {
          reason: 'The provider has not given the money back yet',
          action:
            'Nothing at first: the worker asks again. After an hour, look at the refund there.',
        }
  }
  return attemptTold[state as keyof typeof attemptTold] ?? attemptTold.pending
}

const attemptTold = {
  waiting: {
    reason: 'It waits for its turn in the queue before the provider',
    action:
      'Nothing: its hold is kept. If the queue does not move, look at /health/ready and at STRIPE_REQUESTS_PER_SECOND.',
  },
  pending: {
    reason: 'The provider has not answered yet',
    action:
      'Nothing before nextTryAt: a worker then asks again. If that is long past, look whether a worker runs.',
  },
  requires_action: {
    reason: 'The bank waits for the buyer',
    action: 'Nothing: the hold ends at its deadline if the buyer does not come back.',
  },
} as const
