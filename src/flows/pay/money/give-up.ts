/** How a buyer's hold ends at their wish, in PostgreSQL. */
import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { lockOrder } from '../../../orders/order-repository.ts'
import { mayMove } from '../../../orders/order-sql.ts'
import { checkoutWord, type OrderState } from '../../../orders/order-words.ts'
import { appendOutbox } from '../../../platform/outbox.ts'
import { sql } from '../../../platform/postgres/pool.ts'
import type { StockCommand } from '../../../stock/protocol/messages.ts'
import { openAttempt } from './attempts.ts'
import { compensate } from './compensate.ts'
import type { GivenUp, GiveUpRequest } from './store.ts'

/** For PgMoneyStore: ends the hold, in one transaction. */
export function giveUp(
  pool: DatabasePool,
  { checkoutId: id, buyerId, alsoAtBank, bury: mayBury }: GiveUpRequest,
): Promise<GivenUp> {
  return pool.transaction(async (tx): Promise<GivenUp> => {
    const order = await lockOrder(tx, id)
    const mine = order?.buyerId === buyerId ? order : null
    const status = mine && checkoutWord(mine.state, mine.outcome)
    const atBank =
      alsoAtBank && status === 'paying' && (await openAttempt(tx, id))?.state === 'requires_action'
    if (status === null) {
      if (!mayBury) return { tag: 'unknown' }
      if (await bury(tx, id, buyerId)) return { tag: 'done', commands: [] }
    } else if ((status === 'paying' && !atBank) || status === 'confirmed') {
      return { tag: 'too late', status }
    }
    const from: readonly OrderState[] = atBank ? ['paying'] : ['reserved', 'assembling']
    return { tag: 'done', commands: await end(tx, id, buyerId, from) }
  })
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
