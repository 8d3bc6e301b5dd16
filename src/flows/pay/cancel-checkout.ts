/** A buyer gives a hold back before it is paid. */
import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { AppError } from '../../kernel/errors.ts'
import { lockOrder } from '../../orders/order-repository.ts'
import { mayMove } from '../../orders/order-sql.ts'
import { checkoutWord, type OrderState } from '../../orders/order-words.ts'
import { appendOutbox } from '../../platform/outbox.ts'
import { sql } from '../../platform/postgres/pool.ts'
import type { CheckoutIds } from '../../stock/protocol/checkout-id.ts'
import type { StockCommand } from '../../stock/protocol/messages.ts'
import { noCheckout } from '../reserve/checkouts.ts'
import type { ReservationStrategy } from '../reserve/strategy.ts'
import { compensate } from './compensate.ts'
import { openAttempt } from './money/attempts.ts'

/** How far a cancel goes; the default leaves alone what is being paid. */
export interface CancelOptions {
  /**
   * Also while the bank waits for the buyer: what is charged all the same comes back as late money.
   */
  readonly alsoAtBank?: boolean
}

/**
 * For DELETE /api/checkouts/:id, for cancelled orders and for accounts that end: gives the hold
 * back; any number of times. @throws AppError `not_found` for a checkout of somebody else's,
 * `invalid_transition` once money is involved.
 */
export type CancelCheckout = (id: string, buyerId: string, options?: CancelOptions) => Promise<void>

/**
 * Builds it for API and worker. One transaction ends the checkout and writes the commands that
 * release its units; they are posted after the commit, and a post that fails loses nothing. Rejects
 * as {@link CancelCheckout} says, and with PostgreSQL's errors.
 */
export function createCancelCheckout(deps: {
  readonly pool: DatabasePool
  readonly ids: CheckoutIds
  readonly strategy: Pick<ReservationStrategy, 'post'>
}): CancelCheckout {
  const { pool, ids, strategy } = deps
  return async (id, buyerId, { alsoAtBank = false } = {}) => {
    const commands = await pool.transaction(async (tx): Promise<StockCommand[]> => {
      const order = await lockOrder(tx, id)
      const mine = order?.buyerId === buyerId ? order : null
      const status = mine && checkoutWord(mine.state, mine.outcome)
      const atBank =
        alsoAtBank &&
        status === 'paying' &&
        (await openAttempt(tx, id))?.state === 'requires_action'
      if (status === null) {
        if (!ids.read(id, buyerId)) throw noCheckout()
        if (await bury(tx, id, buyerId)) return []
      } else if ((status === 'paying' && !atBank) || status === 'confirmed') {
        throw new AppError('invalid_transition', `A checkout that is ${status} cannot be given up.`)
      }
      return end(tx, id, buyerId, atBank ? ['paying'] : ['reserved', 'assembling'])
    })
    await strategy.post(commands)
  }
}

const EndedRow = z.object({ ordered: z.boolean() })

/**
 * Not committed yet: the tombstone makes the actor give the units back when it gets there. False
 * when the actor was faster by a moment: its row is locked then, and can be ended.
 */
async function bury(
  tx: DatabaseTransactionConnection,
  id: string,
  buyerId: string,
): Promise<boolean> {
  const buried = await tx.maybeOne(sql.typeAlias('id')`
    insert into orders (id, buyer_id, state, outcome, reason)
    values (${id}, ${buyerId}, 'cancelled', 'cancelled', 'by buyer')
    on conflict (id) do nothing returning id`)
  if (buried) return true
  await tx.query(sql.typeAlias('none')`
    select from orders where id = ${id} and buyer_id = ${buyerId} for update`)
  return false
}

async function end(
  tx: DatabaseTransactionConnection,
  id: string,
  buyerId: string,
  from: readonly OrderState[],
): Promise<StockCommand[]> {
  const ended = await tx.maybeOne(sql.type(EndedRow)`
    update orders o set state = 'cancelled', outcome = 'cancelled', reason = 'by buyer'
     where id = ${id} and buyer_id = ${buyerId} and state = any(${sql.array([...from], 'text')})
       and ${mayMove('o', 'buyer', 'cancelled')}
    returning number is not null as ordered`)
  if (!ended) return []
  // An assembly that is not decided has no order yet: there is nothing to tell.
  if (ended.ordered) await appendOutbox(tx, 'order.cancelled', id, { reason: 'by buyer' })
  return compensate(tx, [id], {
    order: 'cancelled',
    reason: 'cancelled by the buyer',
    actorId: buyerId,
  })
}
