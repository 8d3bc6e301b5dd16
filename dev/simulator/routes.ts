/** The addresses of Stripe's API that are understood, each with what it does. */

import {
  type Api,
  answer,
  type Expand,
  type Handler,
  list,
  one,
  pageJson,
  type Route,
  sameParent,
  snapshots,
  write,
} from './api.ts'
import type { Collection } from './collection.ts'
import { createCustomer, updateCustomer } from './customers.ts'
import { closeDispute, updateDispute } from './disputes.ts'
import { noSuch, StripeFailure } from './failure.ts'
import type { Form } from './form.ts'
import { closeReview } from './fraud.ts'
import { listPage } from './listing.ts'
import { approveParams } from './parameters.ts'
import {
  cancelPaymentIntent,
  capturePaymentIntent,
  confirmPaymentIntent,
  createPaymentIntent,
} from './payment-intents.ts'
import type {
  DisputeRecord,
  Kind,
  PaymentIntentRecord,
  Records,
  RefundRecord,
  Snapshot,
} from './records.ts'
import { cancelRefund, createRefund, updateRefund } from './refunds.ts'
import { renderEvent } from './render.ts'
import { searchIntents } from './search.ts'
import type { Store, Work } from './store.ts'
import { updatePaymentIntent } from './update-intent.ts'

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
  const [, version, ...places] = path.split('/')
  // Radar's objects have an address of two words.
  const words = places[0] === 'radar' ? 2 : 1
  const resource = places.slice(0, words).join('/')
  const [id = '', ...rest] = places.slice(words)
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

/** The objects that most belong to. */
const parents: readonly Expand[] = ['charge', 'payment_intent']
const ofIntents: readonly Expand[] = ['latest_charge', 'customer', 'payment_method']

const routes: Readonly<Record<string, Route>> = {
  'POST /v1/payment_intents': ({ store, charging }) =>
    write((work, form) => {
      const expand = form.expand(ofIntents)
      const record = createPaymentIntent(charging, work, form)
      return answer(store, { kind: 'pi', record }, expand)
    }),
  'POST /v1/payment_intents/{id}/confirm': step((api, work, before, form) =>
    confirmPaymentIntent(api.charging, work, before, form),
  ),
  'POST /v1/payment_intents/{id}/capture': step(capturePaymentIntent),
  'POST /v1/payment_intents/{id}/cancel': step(cancelPaymentIntent),
  'POST /v1/payment_intents/{id}': step(updatePaymentIntent),
  'GET /v1/payment_intents': ({ store }) =>
    list(ofIntents, (form, expand) => {
      const customer = form.text('customer')
      const page = listPage(
        store.paymentIntents,
        form,
        (record) => customer === undefined || record.customer === customer,
      )
      return snapshots(store, 'payment_intents', 'pi', page, expand)
    }),
  'GET /v1/payment_intents/{id}': ({ store }, id) =>
    one(store, ofIntents, () => ({
      kind: 'pi',
      record: store.paymentIntents.get(id) ?? missing('payment_intent', id, 'intent'),
    })),
  'GET /v1/payment_intents/search': ({ search }) => list([], (form) => searchIntents(search, form)),
  'GET /v1/charges': listed('charges', 'ch', ['payment_intent']),
  'GET /v1/charges/{id}': shown('charge', 'ch', ['payment_intent']),
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
  'GET /v1/refunds': listed('refunds', 're', ['charge', 'payment_intent']),
  'GET /v1/refunds/{id}': shown('refund', 're', parents),
  'GET /v1/disputes': listed('disputes', 'du', ['charge', 'payment_intent']),
  'GET /v1/disputes/{id}': shown('dispute', 'du', parents),
  'POST /v1/disputes/{id}': disputeStep(updateDispute),
  'POST /v1/disputes/{id}/close': disputeStep(closeDispute),
  'GET /v1/reviews': listed('reviews', 'prv', ['charge', 'payment_intent']),
  'GET /v1/reviews/{id}': shown('review', 'prv', parents),
  'POST /v1/reviews/{id}/approve': ({ store }, id) =>
    write((work, form) => {
      form.onlyKnows(approveParams)
      const expand = form.expand(parents)
      const before = store.all.prv.get(id) ?? missing('review', id)
      return answer(store, { kind: 'prv', record: closeReview(work, before, 'approved') }, expand)
    }),
  'GET /v1/radar/early_fraud_warnings': listed('radar/early_fraud_warnings', 'issfr', [
    'charge',
    'payment_intent',
  ]),
  'GET /v1/radar/early_fraud_warnings/{id}': shown('early_fraud_warning', 'issfr', parents),
  'POST /v1/customers': ({ store }) =>
    write((work, form) => answer(store, { kind: 'cus', record: createCustomer(work, form) }, [])),
  'POST /v1/customers/{id}': ({ store }, id) =>
    write((work, form) => {
      const before = store.all.cus.get(id) ?? missing('customer', id)
      return answer(store, { kind: 'cus', record: updateCustomer(work, before, form) }, [])
    }),
  'GET /v1/customers': ({ store }) =>
    list([], (form) => snapshots(store, 'customers', 'cus', listPage(store.all.cus, form), [])),
  'GET /v1/customers/{id}': shown('customer', 'cus', []),
  'GET /v1/events': ({ store }) => list([], (form) => listEvents(store, form)),
  'GET /v1/events/{id}': ({ store }, id) => ({
    kind: 'read',
    read: () => JSON.stringify(renderEvent(store.events.get(id) ?? missing('event', id))),
  }),
}

/** A page of one kind, of the charge or PaymentIntent that is asked for. */
function listed(
  resource: string,
  kind: Exclude<Kind, 'pi' | 'cus'>,
  expandable: readonly Expand[],
): Route {
  return ({ store }) =>
    list(expandable, (form, expand) => {
      const records: Collection<Records[typeof kind]> = store.all[kind]
      return snapshots(store, resource, kind, listPage(records, form, sameParent(form)), expand)
    })
}

/** One object. */
function shown(what: string, kind: Exclude<Kind, 'pi'>, expandable: readonly Expand[]): Route {
  return ({ store }, id) =>
    one(store, expandable, () => {
      const record = store.all[kind].get(id) ?? missing(what, id)
      return { kind, record } as Snapshot
    })
}

function disputeStep(
  take: (store: Store, work: Work, before: DisputeRecord, form: Form) => DisputeRecord,
): Route {
  return ({ store }, id) =>
    write((work, form) => {
      const expand = form.expand(parents)
      const before = store.disputes.get(id) ?? missing('dispute', id)
      return answer(store, { kind: 'du', record: take(store, work, before, form) }, expand)
    })
}

/** A step of the PaymentIntent in the address. */
function step(
  take: (api: Api, work: Work, before: PaymentIntentRecord, form: Form) => PaymentIntentRecord,
): Route {
  return (api, id): Handler =>
    write((work, form) => {
      const expand = form.expand(ofIntents)
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
