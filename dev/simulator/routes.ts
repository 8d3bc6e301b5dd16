/** The addresses of Stripe's API that are understood, each with what it does. */
import {
  type Api,
  answer,
  type Handler,
  list,
  one,
  pageJson,
  type Route,
  sameParent,
  snapshots,
  write,
} from './api.ts'
import { noSuch, StripeFailure } from './failure.ts'
import type { Form } from './form.ts'
import { listPage } from './listing.ts'
import {
  cancelPaymentIntent,
  capturePaymentIntent,
  confirmPaymentIntent,
  createPaymentIntent,
} from './payment-intents.ts'
import type { PaymentIntentRecord, RefundRecord } from './records.ts'
import { cancelRefund, createRefund, updateRefund } from './refunds.ts'
import { renderEvent } from './render.ts'
import { searchIntents } from './search.ts'
import type { Work } from './store.ts'

export interface Found {
  /** The name under which its requests are counted, as in `POST /v1/payment_intents/{id}/confirm`. */
  readonly endpoint: string
  /** The id in the address, else empty. */
  readonly id: string
  /** Undefined when there is no such address. */
  readonly route: Route | undefined
}

/** What answers `method` at `path` (without the query). */
export function findRoute(method: string, path: string): Found {
  const [, version, resource, id = '', ...rest] = path.split('/')
  const pattern = `${method} ${['', version, resource, '{id}', ...rest].join('/')}`
  const plain = `${method} ${path}`
  const endpoint = Object.hasOwn(routes, plain) ? plain : pattern
  const known = id !== '' || endpoint === plain
  const route = known && Object.hasOwn(routes, endpoint) ? routes[endpoint] : undefined
  return route ? { endpoint, id, route } : { endpoint: 'unrecognized', id: '', route }
}

/** 404 for an address that there is not. */
export function unrecognized(method: string, path: string): StripeFailure {
  return new StripeFailure(404, {
    type: 'invalid_request_error',
    message: `Unrecognized request URL (${method}: ${path.slice(0, 200)}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.`,
  })
}

/** The names of all endpoints. */
export function endpointNames(): string[] {
  return Object.keys(routes)
}

const routes: Readonly<Record<string, Route>> = {
  'POST /v1/payment_intents': ({ store, charging }) =>
    write((work, form) => {
      const expand = form.expand(['latest_charge'])
      const record = createPaymentIntent(charging, work, form)
      return answer(store, { kind: 'pi', record }, expand)
    }),
  'POST /v1/payment_intents/{id}/confirm': step((api, work, before, form) =>
    confirmPaymentIntent(api.charging, work, before, form),
  ),
  'POST /v1/payment_intents/{id}/capture': step(capturePaymentIntent),
  'POST /v1/payment_intents/{id}/cancel': step(cancelPaymentIntent),
  'GET /v1/payment_intents': ({ store }) =>
    list(['data.latest_charge'], (form, expand) => {
      const page = listPage(store.paymentIntents, form)
      return snapshots(store, 'payment_intents', 'pi', page, expand)
    }),
  'GET /v1/payment_intents/{id}': ({ store }, id) =>
    one(store, ['latest_charge'], () => ({
      kind: 'pi',
      record: store.paymentIntents.get(id) ?? missing('payment_intent', id, 'intent'),
    })),
  'GET /v1/payment_intents/search': ({ search }) => list([], (form) => searchIntents(search, form)),
  'GET /v1/charges': ({ store }) =>
    list(['data.payment_intent'], (form, expand) => {
      const page = listPage(store.charges, form, sameParent(form))
      return snapshots(store, 'charges', 'ch', page, expand)
    }),
  'GET /v1/charges/{id}': ({ store }, id) =>
    one(store, ['payment_intent'], () => ({
      kind: 'ch',
      record: store.charges.get(id) ?? missing('charge', id),
    })),
  'POST /v1/refunds': ({ store, refunding }) =>
    write((work, form) => {
      const expand = form.expand(['charge', 'payment_intent'])
      const record = createRefund(refunding, work, form)
      return answer(store, { kind: 're', record }, expand)
    }),
  'POST /v1/refunds/{id}': refundStep((_api, ...rest) => updateRefund(...rest)),
  'POST /v1/refunds/{id}/cancel': refundStep((api, ...rest) =>
    cancelRefund(api.refunding, ...rest),
  ),
  'GET /v1/refunds': ({ store }) =>
    list(['data.charge', 'data.payment_intent'], (form, expand) => {
      const page = listPage(store.refunds, form, sameParent(form))
      return snapshots(store, 'refunds', 're', page, expand)
    }),
  'GET /v1/refunds/{id}': ({ store }, id) =>
    one(store, ['charge', 'payment_intent'], () => ({
      kind: 're',
      record: store.refunds.get(id) ?? missing('refund', id),
    })),
  'GET /v1/events': ({ store }) => list([], (form) => listEvents(store, form)),
  'GET /v1/events/{id}': ({ store }, id) => ({
    kind: 'read',
    read: () => JSON.stringify(renderEvent(store.events.get(id) ?? missing('event', id))),
  }),
}

/** A step of the PaymentIntent in the address. */
function step(
  take: (api: Api, work: Work, before: PaymentIntentRecord, form: Form) => PaymentIntentRecord,
): Route {
  return (api, id): Handler =>
    write((work, form) => {
      const expand = form.expand(['latest_charge'])
      const before = api.store.paymentIntents.get(id) ?? missing('payment_intent', id, 'intent')
      return answer(api.store, { kind: 'pi', record: take(api, work, before, form) }, expand)
    })
}

function refundStep(
  take: (api: Api, work: Work, before: RefundRecord, form: Form) => RefundRecord,
): Route {
  return (api, id): Handler =>
    write((work, form) => {
      const expand = form.expand(['charge', 'payment_intent'])
      const before = api.store.refunds.get(id) ?? missing('refund', id)
      return answer(api.store, { kind: 're', record: take(api, work, before, form) }, expand)
    })
}

function listEvents(store: Api['store'], form: Form): string {
  const type = form.text('type')
  const types = Object.values(form.group('types'))
  const page = listPage(
    store.events,
    form,
    (event) =>
      (type === undefined || wildcard(type, event.type)) &&
      (types.length === 0 || types.includes(event.type)),
  )
  return pageJson('events', page.data.map(renderEvent), page.hasMore)
}

/** `charge.*` means every type that begins so. */
function wildcard(asked: string, type: string): boolean {
  return asked.endsWith('*') ? type.startsWith(asked.slice(0, -1)) : asked === type
}

function missing(what: string, id: string, param = 'id'): never {
  throw noSuch(what, id, param)
}
