/** What all addresses of the API share: reading one object or a page of them, and changing something. */
import type { Charging } from './charging.ts'
import type { Form } from './form.ts'
import type { Page } from './listing.ts'
import { retrieveParams } from './parameters.ts'
import type { Answer, Kind, Records, Snapshot } from './records.ts'
import type { Refunding } from './refunds.ts'
import { renderSnapshot } from './render.ts'
import type { SearchIndex } from './search-index.ts'
import type { Store, Work } from './store.ts'

export interface Api {
  readonly store: Store
  readonly charging: Charging
  readonly refunding: Refunding
  readonly search: SearchIndex
}

/** A GET's JSON, made at once; a POST's answer, which an idempotency key can keep. */
export type Handler =
  | { readonly kind: 'read'; readonly read: (form: Form) => string }
  | { readonly kind: 'write'; readonly write: (work: Work, form: Form) => Answer }

/** What an address does. `id` is the one in it, else empty. */
export type Route = (api: Api, id: string) => Handler

/** A handler that changes something. */
export function write(handle: (work: Work, form: Form) => Answer): Handler {
  return { kind: 'write', write: handle }
}

/** A handler that shows what `find` finds. */
export function one(store: Store, expandable: readonly Expand[], find: () => Snapshot): Handler {
  return {
    kind: 'read',
    read: (form) => {
      form.onlyKnows(retrieveParams)
      const expand = form.expand(expandable)
      const object = find()
      const shown = expand.includes('payment_method')
      return JSON.stringify(renderSnapshot(object, related(store, object, expand), shown))
    },
  }
}

/** A handler that shows a page. */
export function list(
  expandable: readonly Expand[],
  read: (form: Form, expand: readonly Expand[]) => string,
): Handler {
  const named = expandable.map((name) => `data.${name}` as const)
  return {
    kind: 'read',
    read: (form) => {
      const asked = form.expand(named)
      return read(
        form,
        expandable.filter((name) => asked.includes(`data.${name}`)),
      )
    },
  }
}

/** The JSON of a page of objects of one kind. */
export function snapshots<K extends Kind>(
  store: Store,
  resource: string,
  kind: K,
  page: Page<Records[K]>,
  expand: readonly Expand[],
): string {
  const data = page.data.map((record) => {
    const object = { kind, record } as Snapshot
    const shown = expand.includes('payment_method')
    return renderSnapshot(object, related(store, object, expand), shown)
  })
  return pageJson(resource, data, page.hasMore)
}

/** The JSON of a page of anything. */
export function pageJson(resource: string, data: readonly object[], hasMore: boolean): string {
  return JSON.stringify({ object: 'list', data, has_more: hasMore, url: `/v1/${resource}` })
}

/** Which records belong to the charge and the PaymentIntent that the form names. */
export function sameParent(form: Form) {
  const charge = form.text('charge')
  const intent = form.text('payment_intent')
  return (record: { readonly charge?: string; readonly paymentIntent: string }) =>
    (charge === undefined || record.charge === charge) &&
    (intent === undefined || record.paymentIntent === intent)
}

export type Expand = 'latest_charge' | 'charge' | 'payment_intent' | 'customer' | 'payment_method'

/** The answer that shows `object`, with what `expand` asked for. */
export function answer(store: Store, object: Snapshot, expand: readonly Expand[]): Answer {
  const methodShown = expand.includes('payment_method')
  return { status: 200, error: null, object, expanded: related(store, object, expand), methodShown }
}

/** The objects behind those ids in `object` that are asked for. */
function related(store: Store, object: Snapshot, expand: readonly Expand[]): Snapshot[] {
  const { record } = object
  const ids = {
    latest_charge: 'charges' in record ? record.charges.at(-1) : undefined,
    charge: 'charge' in record ? record.charge : undefined,
    payment_intent: 'paymentIntent' in record ? record.paymentIntent : undefined,
    customer: 'customer' in record ? record.customer : undefined,
  }
  return expand.flatMap((name) => {
    if (name === 'payment_method') return []
    const kind = name === 'payment_intent' ? 'pi' : name === 'customer' ? 'cus' : 'ch'
    const found = store.all[kind].get(ids[name] ?? '')
    return found ? [{ kind, record: found } as Snapshot] : []
  })
}
