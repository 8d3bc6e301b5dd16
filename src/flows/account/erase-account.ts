/** An account that erases itself leaves nothing personal behind, in any domain. */
import type { DatabasePool } from 'slonik'
import { forgetCart } from '../../cart/carts.ts'
import { forgetDestinations } from '../../fulfilment/destinations.ts'
import type { Bans } from '../../identity/bans.ts'
import { forgetAlerts } from '../../notifications/stock-alerts.ts'
import { appendOutbox } from '../../platform/outbox.ts'
import { eachOutside, type Topics } from '../../platform/outbox-handlers.ts'
import type { RedisClient } from '../../platform/redis/client.ts'

const accountErasedTopic = 'account.erased'

/**
 * What DELETE /api/me calls. Safe to repeat: an account that is erased stays so. Rejects with
 * PostgreSQL's error when it is away.
 */
export type EraseAccount = (accountId: string) => Promise<void>

/**
 * Builds the function for the API; building never throws. It erases the account and gives back what
 * it holds and has not paid. The worker makes the other domains forget the account a moment later,
 * whatever dies in between: the event stands in the transaction that erases.
 */
export function createEraseAccount(deps: {
  readonly identity: Pick<Bans, 'erase'>
  readonly giveBackAll: (accountId: string) => Promise<void>
}): EraseAccount {
  return async (accountId) => {
    await deps.identity.erase(accountId, (tx) => appendOutbox(tx, accountErasedTopic, accountId))
    await deps.giveBackAll(accountId)
  }
}

/**
 * For the worker that handles the outbox: forgets cart, stock alerts and where orders went. A
 * parcel that is planned keeps its location. When a store is away the handler rejects, and the
 * event is tried again.
 */
export function accountTopics(deps: {
  readonly pool: DatabasePool
  readonly redis: RedisClient
}): Topics {
  const { pool, redis } = deps
  return {
    // The key is the account's id.
    [accountErasedTopic]: {
      outside: eachOutside(async ({ key }) => {
        await forgetCart(redis, key)
        await forgetAlerts(pool, key)
        await forgetDestinations(pool, key)
      }),
    },
  }
}
