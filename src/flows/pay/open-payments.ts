/** Payments that an operator may have to look at: flagged ones, refunds that are owed, open attempts. */
import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import { nextRefundTry } from '../../payments/refunds.ts'
import { sql } from '../../platform/postgres/pool.ts'

/** Kinds in the order of the list: what only a person can mend comes first. */
export const openPaymentKinds = ['flagged', 'refund', 'attempt'] as const
/** What a row of the list is about. */
export type OpenPaymentKind = (typeof openPaymentKinds)[number]

const Row = z.object({
  kind: z.enum(openPaymentKinds),
  /** Of the refund, else of the checkout; it has the time of its making in it. */
  id: z.string(),
  checkoutId: z.string(),
  orderNumber: z.number().nullable(),
  attempt: z.number().nullable(),
  intentId: z.string().nullable(),
  amount: z.number(),
  currency: z.string(),
  state: z.string(),
  since: z.date(),
  /** Why it is in the list, where the provider or the shop has said so. */
  error: z.string().nullable(),
  tries: z.number().nullable(),
  /** When a job asks the provider again; null when no job will, or when it is its turn in the queue. */
  nextTryAt: z.date().nullable(),
})
/** One row of the list. `amount` is in minor units of `currency`. */
export type OpenPayment = z.infer<typeof Row>

/** Where a page begins. */
export interface OpenPaymentMark {
  readonly kind: OpenPaymentKind
  readonly id: string
}

/**
 * For the operators' route: up to `limit` rows after `after`, kind by kind, of each the oldest first;
 * of one kind when `kind` is given. Rejects with PostgreSQL's errors.
 */
export async function openPayments(
  db: CommonQueryMethods,
  page: {
    readonly limit: number
    readonly after: OpenPaymentMark | null
    readonly kind: OpenPaymentKind | null
  },
): Promise<readonly OpenPayment[]> {
  const { limit, after, kind } = page
  const first = after === null ? 0 : openPaymentKinds.indexOf(after.kind)
  const rows: OpenPayment[] = []
  for (const each of openPaymentKinds.slice(first)) {
    const left = limit - rows.length
    if (left <= 0) break
    if (kind !== null && each !== kind) continue
    const from = after?.kind === each ? after.id : null
    rows.push(...(await db.any(sql.type(Row)`${selects[each](from, left)}`)))
  }
  return rows
}

type Select = (after: string | null, limit: number) => ReturnType<typeof sql.fragment>

const selects: Readonly<Record<OpenPaymentKind, Select>> = {
  flagged: (after, limit) => sql.fragment`
    select 'flagged' as kind, p.checkout_id as id, p.checkout_id as "checkoutId", o.number as "orderNumber",
        null::int as attempt, p.intent_id as "intentId", p.amount, p.currency, p.status as state,
        p.updated_at as since, p.flagged as error, null::int as tries, null::timestamptz as "nextTryAt"
      from payments p left join orders o on o.id = p.checkout_id
     where p.flagged is not null and (${after}::uuid is null or p.checkout_id > ${after})
     order by p.checkout_id limit ${limit}`,
  refund: (after, limit) => sql.fragment`
    select 'refund' as kind, r.id, r.checkout_id as "checkoutId", o.number as "orderNumber",
        null::int as attempt, p.intent_id as "intentId", r.amount, p.currency, r.state,
        r.created_at as since, r.last_error as error, r.attempts as tries, ${nextRefundTry} as "nextTryAt"
      from refunds r join payments p using (checkout_id) left join orders o on o.id = r.checkout_id
     where (${after}::uuid is null or r.id > ${after}) and (r.state = 'pending'
       or r.state = 'failed' and p.captured > p.given_back)
     order by r.id limit ${limit}`,
  attempt: (after, limit) => sql.fragment`
    select 'attempt' as kind, a.checkout_id as id, a.checkout_id as "checkoutId", o.number as "orderNumber",
        a.attempt, p.intent_id as "intentId", p.amount, p.currency, a.state, a.created_at as since,
        null as error, null::int as tries,
        case when a.state <> 'waiting' then a.leased_until end as "nextTryAt"
      from payment_attempts a join payments p on p.checkout_id = a.checkout_id
      left join orders o on o.id = a.checkout_id
     where a.state in ('waiting', 'pending', 'requires_action')
       and (${after}::uuid is null or a.checkout_id > ${after})
     order by a.checkout_id limit ${limit}`,
}
