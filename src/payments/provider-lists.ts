/** The provider's lists, page by page, from the newest object to the oldest. Reads only. */
import type {
  CallOptions,
  IntentFacts,
  RefundFacts,
  RefusedByProvider,
  Unknown,
} from './gateway.ts'
import type { VerifiedEvent } from './webhook-signature.ts'

/** Objects of one page, at most: the provider's own limit. */
export const pageSize = 100

/** Which page is asked for. */
export interface PageRequest {
  /** The last object of the page before; null for the first page. */
  readonly after: string | null
  /** Nothing that was made before: milliseconds since the epoch, rounded down to a second. */
  readonly fromMs?: number
}

/** One page. */
export interface ProviderPage<Item> {
  readonly tag: 'page'
  readonly items: readonly Item[]
  /** `after` of the next page; null when this is the last one. */
  readonly next: string | null
  /** Objects that cannot be read, and are left out. */
  readonly unreadable: number
}

/** What asking for a page comes to. */
export type PageAnswer<Item> = ProviderPage<Item> | RefusedByProvider | Unknown

/** When the provider made an object, in milliseconds since the epoch. */
interface Made {
  readonly madeMs: number
}

/** An event as the inbox takes it. */
export type ListedEvent = VerifiedEvent & Made
/** An intent, of this shop or of anybody who uses the same account. */
export type ListedIntent = IntentFacts & Made
/** A refund, whoever made it. Its currency is in capitals. */
export type ListedRefund = RefundFacts &
  Made & { readonly currency: string; readonly intentId: string | null }

/**
 * The pages that the walk over the events and `verify --provider` read. One call each, tried once; a
 * page that is none is `unknown`, `away`. Never rejects.
 */
export interface ProviderLists {
  /** Events of the types that the shop works on. The provider keeps them for 30 days. */
  listEvents(request: PageRequest, options?: CallOptions): Promise<PageAnswer<ListedEvent>>
  listIntents(request: PageRequest, options?: CallOptions): Promise<PageAnswer<ListedIntent>>
  listAllRefunds(request: PageRequest, options?: CallOptions): Promise<PageAnswer<ListedRefund>>
}
