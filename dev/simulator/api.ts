/** The addresses of Stripe's API that are understood, each with what it does. */
import type { Charging } from './charging.ts'
import { noSuch, StripeFailure } from './failure.ts'
import type { Form } from './form.ts'
import { listPage, type Page } from './listing.ts'
import { retrieveParams } from './parameters.ts'
import {
  cancelPaymentIntent,
  capturePaymentIntent,
  confirmPaymentIntent,
  createPaymentIntent,
} from './payment-intents.ts'
import type { Answer, PaymentIntentRecord, Snapshot } from './records.ts'
import { createRefund, type Refunding } from './refunds.ts'
import { renderEvent, renderSnapshot } from './render.ts'
import type { Store, Work } from './store.ts'

export interface Api {
  readonly store: Store
  readonly charging: Charging
  readonly refunding: Refunding
}

/** A GET's JSON, made at once; a POST's answer, which an idempotency key can keep. */
export type Handler =
  | { readonly kind: 'read'; readonly read: (form: Form) => string }
  | { readonly kind: 'write'; readonly write: (work: Work, form: Form) => Answer }

/** What answers `method` at `path` (without the query). @throws StripeFailure 404 for an unknown address. */
export function findHandler(api: Api, method: string, path: string): Handler {
  const [, version = '', resource = '', id, step, ...more] = path.split('/')
  const known = version === 'v1' && more.length === 0 && id !== '' && step !== ''
  const handler =
    known && method === 'POST'
      ? writer(api, resource, id, step)
      : known && method === 'GET' && step === undefined
        ? reader(api, resource, id)
        : undefined
  if (handler) return handler
  throw new StripeFailure(404, {
    type: 'invalid_request_error',
    message: `Unrecognized request URL (${method}: ${path.slice(0, 200)}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.`,
  })
}

const steps = {
  confirm: (api: Api, work: Work, before: PaymentIntentRecord, form: Form) =>
    confirmPaymentIntent(api.charging, work, before, form),
  capture: capturePaymentIntent,
  cancel: cancelPaymentIntent,
} as const

function writer(api: Api, resource: string, id?: string, step?: string): Handler | undefined {
  if (resource === 'refunds' && id === undefined) {
    return write((work, form) => {
      const expand = form.expand(['charge', 'payment_intent'])
      const record = createRefund(api.refunding, work, form)
      return answer(api.store, { kind: 're', record }, expand)
    })
  }
  if (resource !== 'payment_intents') return undefined
  if (id === undefined) {
    return write((work, form) => {
      const expand = form.expand(['latest_charge'])
      const record = createPaymentIntent(api.charging, work, form)
      return answer(api.store, { kind: 'pi', record }, expand)
    })
  }
  if (step !== 'confirm' && step !== 'capture' && step !== 'cancel') return undefined
  return write((work, form) => {
    const expand = form.expand(['latest_charge'])
    const before = api.store.paymentIntents.get(id)
    if (!before) throw noSuch('payment_intent', id, 'intent')
    const record = steps[step](api, work, before, form)
    return answer(api.store, { kind: 'pi', record }, expand)
  })
}

function reader({ store }: Api, resource: string, id?: string): Handler | undefined {
  switch (resource) {
    case 'payment_intents':
      return id === undefined
        ? list(['data.latest_charge'], (form, expand) => {
            const page = listPage(store.paymentIntents, form)
            return snapshots(store, resource, 'pi', page, expand)
          })
        : one(store, ['latest_charge'], () => {
            const record = store.paymentIntents.get(id)
            if (!record) throw noSuch('payment_intent', id, 'intent')
            return { kind: 'pi', record }
          })
    case 'charges':
      return id === undefined
        ? list(['data.payment_intent'], (form, expand) => {
            const page = listPage(store.charges, form, sameParent(form))
            return snapshots(store, resource, 'ch', page, expand)
          })
        : one(store, ['payment_intent'], () => {
            const record = store.charges.get(id)
            if (!record) throw noSuch('charge', id, 'id')
            return { kind: 'ch', record }
          })
    case 'refunds':
      return id === undefined
        ? list(['data.charge', 'data.payment_intent'], (form, expand) => {
            const page = listPage(store.refunds, form, sameParent(form))
            return snapshots(store, resource, 're', page, expand)
          })
        : one(store, ['charge', 'payment_intent'], () => {
            const record = store.refunds.get(id)
            if (!record) throw noSuch('refund', id, 'id')
            return { kind: 're', record }
          })
    case 'events':
      return events(store, id)
    default:
      return undefined
  }
}

function events(store: Store, id: string | undefined): Handler {
  if (id === undefined) {
    return list([], (form) => {
      const type = form.text('type')
      const types = Object.values(form.group('types'))
      const page = listPage(
        store.events,
        form,
        (event) =>
          (type === undefined || event.type === type) &&
          (types.length === 0 || types.includes(event.type)),
      )
      return pageJson('events', page.data.map(renderEvent), page.hasMore)
    })
  }
  return {
    kind: 'read',
    read: () => {
      const event = store.events.get(id)
      if (!event) throw noSuch('event', id, 'id')
      return JSON.stringify(renderEvent(event))
    },
  }
}

function write(handle: (work: Work, form: Form) => Answer): Handler {
  return { kind: 'write', write: handle }
}

function one(store: Store, expandable: readonly Expand[], find: () => Snapshot): Handler {
  return {
    kind: 'read',
    read: (form) => {
      form.onlyKnows(retrieveParams)
      const expand = form.expand(expandable)
      const object = find()
      return JSON.stringify(renderSnapshot(object, related(store, object, expand)))
    },
  }
}

function list<T extends string>(
  expandable: readonly T[],
  read: (form: Form, expand: T | undefined) => string,
): Handler {
  return { kind: 'read', read: (form) => read(form, form.expand(expandable)) }
}

function snapshots<K extends Snapshot['kind']>(
  store: Store,
  resource: string,
  kind: K,
  page: Page<Extract<Snapshot, { kind: K }>['record']>,
  expand: `data.${Expand}` | undefined,
): string {
  const asked = expand?.slice('data.'.length) as Expand | undefined
  const data = page.data.map((record) => {
    const object = { kind, record } as Snapshot
    return renderSnapshot(object, related(store, object, asked))
  })
  return pageJson(resource, data, page.hasMore)
}

function pageJson(resource: string, data: readonly object[], hasMore: boolean): string {
  return JSON.stringify({ object: 'list', data, has_more: hasMore, url: `/v1/${resource}` })
}

function sameParent(form: Form) {
  const charge = form.text('charge')
  const intent = form.text('payment_intent')
  return (record: { readonly charge?: string; readonly paymentIntent: string }) =>
    (charge === undefined || record.charge === charge) &&
    (intent === undefined || record.paymentIntent === intent)
}

type Expand = 'latest_charge' | 'charge' | 'payment_intent'

function answer(store: Store, object: Snapshot, expand: Expand | undefined): Answer {
  return { status: 200, error: null, object, expanded: related(store, object, expand) }
}

/** The object behind one of the ids in `object`. */
function related(store: Store, object: Snapshot, expand: Expand | undefined): Snapshot | null {
  if (expand === undefined) return null
  if (expand === 'payment_intent') {
    const record =
      object.kind === 'pi' ? undefined : store.paymentIntents.get(object.record.paymentIntent)
    return record ? { kind: 'pi', record } : null
  }
  const id =
    object.kind === 'pi'
      ? object.record.charges.at(-1)
      : object.kind === 're'
        ? object.record.charge
        : undefined
  const record = store.charges.get(id ?? '')
  return record ? { kind: 'ch', record } : null
}
