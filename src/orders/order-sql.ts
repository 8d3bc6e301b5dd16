/** The table of moves and the words, for SQL: of rows of `orders` under the alias that is given. */
import { sql } from '../platform/postgres/pool.ts'
import { before, type Cause } from './order-state.ts'
import type { OrderState } from './order-words.ts'

type Fragment = ReturnType<typeof sql.fragment>

const column = (alias: string, name: string) => sql.identifier([alias, name])

/** Whether the order is in a state from which `by` may move it to `to`. @throws AssertionError for no state at all. */
export function mayMove(alias: string, by: Cause, to: OrderState): Fragment {
  return sql.fragment`${column(alias, 'state')} = any(${sql.array([...before(by, to)], 'text')})`
}

/** As `orderWord`; null where there is no order to be shown. */
export function orderWordOf(alias: string): Fragment {
  const state = column(alias, 'state')
  return sql.fragment`case when ${state} in ('reserved', 'paying') then 'awaiting_payment'
    when ${state} = 'payment_failed' then 'cancelled'
    when ${state} in ('assembling', 'waiting', 'rejected', 'sold_out') then null else ${state} end`
}

/** As `checkoutWord`. */
export function checkoutWordOf(alias: string): Fragment {
  const state = column(alias, 'state')
  return sql.fragment`coalesce(${column(alias, 'outcome')},
    case when ${state} in ('waiting', 'reserved', 'paying') then ${state} else 'queued' end)`
}
