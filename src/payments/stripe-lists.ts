/** The provider's lists, by Stripe's SDK. */
import type { Stripe } from 'stripe'
import { z } from 'zod'
import { handledEventTypes } from './event-types.ts'
import type { CallOptions } from './gateway.ts'
import {
  type PageAnswer,
  type PageRequest,
  type ProviderLists,
  type ProviderPage,
  pageSize,
} from './provider-lists.ts'
import { type asking, NoAnswer } from './stripe-calls.ts'
import { type StripeSettings, stripeClient } from './stripe-gateway.ts'
import { factsOf, failureOf, refundFactsOf } from './stripe-words.ts'

/** Types that one question may name, at most. With more of them, all events are asked for. */
const typesMax = 20

/**
 * Makes the lists that a worker and `verify --provider` read. @throws TypeError when `apiBase` is no
 * URL.
 */
export function stripeLists(settings: StripeSettings): ProviderLists {
  const { stripe, ask } = stripeClient(settings)
  const types = [...handledEventTypes]
  const some = types.length <= typesMax ? { types } : {}
  return {
    async listEvents(request, options) {
      const page = await pageOf(ask, request, options, Event, (params, limit) =>
        stripe.events.list({ ...params, ...some }, limit),
      )
      if (page.tag !== 'page') return page
      const items = page.items.map((event) => {
        const { id, type, created } = event
        return { id, type, body: JSON.stringify(event), read: event, madeMs: created * 1000 }
      })
      return { ...page, items: items.filter(({ type }) => handledEventTypes.has(type)) }
    },
    async listIntents(request, options) {
      const page = await pageOf(ask, request, options, Intent, (params, limit) =>
        stripe.paymentIntents.list(params, limit),
      )
      return page.tag === 'page' ? { ...page, items: page.items.map(intentOf) } : page
    },
    async listAllRefunds(request, options) {
      const page = await pageOf(ask, request, options, Refund, (params, limit) =>
        stripe.refunds.list(params, limit),
      )
      return page.tag === 'page' ? { ...page, items: page.items.map(refundOf) } : page
    },
  }
}

const Made = z.looseObject({ id: z.string().regex(/^\w{1,100}$/), created: z.int().positive() })
const Event = Made.extend({ type: z.string().min(1).max(200) })
const Money = Made.extend({ amount: z.int().nonnegative(), currency: z.string() })
const Intent = Money.extend({ status: z.string() })
const Refund = Money.extend({ status: z.string().nullable() })

/** Whatever is read of a page must be there: a proxy may answer in the provider's place. */
const Whole = z.object({ data: z.array(z.unknown()), has_more: z.boolean() })

async function pageOf<T extends { readonly id: string }, Item extends { readonly id: string }>(
  ask: ReturnType<typeof asking>,
  { after, fromMs }: PageRequest,
  options: CallOptions | undefined,
  item: z.ZodType<Item>,
  call: (
    params: Stripe.PaginationParams & { readonly created?: Stripe.RangeQueryParam },
    limit: Stripe.RequestOptions,
  ) => Promise<Stripe.ApiList<T>>,
): Promise<PageAnswer<T>> {
  const params = {
    limit: pageSize,
    ...(after === null ? {} : { starting_after: after }),
    ...(fromMs === undefined ? {} : { created: { gte: Math.floor(fromMs / 1000) } }),
  }
  try {
    const answer = await ask('list', (limit) => call(params, limit), options)
    return readPage(answer, item, after)
  } catch (error) {
    return failureOf(error)
  }
}

function readPage<T extends { readonly id: string }>(
  answer: Stripe.ApiList<T>,
  item: z.ZodType,
  after: string | null,
): ProviderPage<T> {
  if (!Whole.safeParse(answer).success) throw new NoAnswer('the answer is no page')
  const items = answer.data.filter((each) => item.safeParse(each).success)
  const last = answer.data.at(-1)
  const unreadable = answer.data.length - items.length
  if (!answer.has_more) return { tag: 'page', items, next: null, unreadable }
  // Nobody could go on from there, or would go on for ever.
  if (typeof last?.id !== 'string' || last.id === after) {
    throw new NoAnswer('the page does not say where the next one begins')
  }
  return { tag: 'page', items, next: last.id, unreadable }
}

function intentOf(intent: Stripe.PaymentIntent) {
  return { ...factsOf(intent), madeMs: intent.created * 1000 }
}

function refundOf(refund: Stripe.Refund) {
  const intent = refund.payment_intent
  return {
    ...refundFactsOf(refund),
    currency: refund.currency.toUpperCase(),
    intentId: typeof intent === 'string' ? intent : (intent?.id ?? null),
    madeMs: refund.created * 1000,
  }
}
