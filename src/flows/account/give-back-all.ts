import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { AppError } from '../../kernel/errors.ts'
import { sql } from '../../platform/postgres/pool.ts'
import type { CancelCheckout } from '../pay/cancel-checkout.ts'

const perPass = 100
const barredHours = 1
const OpenRow = z.object({ id: z.string(), buyerId: z.string() })

interface Deps {
  readonly pool: DatabasePool
  readonly cancelCheckout: CancelCheckout
}

/**
 * For the API when an account is erased or banned: gives back what the buyer holds and has not
 * paid, up to 100 checkouts. What is being paid goes on; what is admitted and not committed yet is
 * found by {@link giveBackOfBarred}. Rejects with PostgreSQL's error when it is away.
 */
export async function giveBackAll(deps: Deps, buyerId: string): Promise<void> {
  const open = await deps.pool.any(sql.type(OpenRow)`
    select id, buyer_id as "buyerId" from orders
    where buyer_id = ${buyerId} and state in ('reserved', 'assembling') limit ${perPass}
  `)
  await cancelEach(deps, open)
}

/**
 * For a job, every 5 seconds: as {@link giveBackAll}, for everybody whose sessions were ended in
 * the last hour, up to 100 checkouts of them all. A rejection leaves the rest to the next run.
 */
export async function giveBackOfBarred(deps: Deps): Promise<void> {
  const open = await deps.pool.any(sql.type(OpenRow)`
    select id, buyer_id as "buyerId" from orders
    where buyer_id = any(array(
        select id from accounts
        where sessions_ended_at > now() - make_interval(hours => ${barredHours}) limit 1000))
      and state in ('reserved', 'assembling') limit ${perPass}
  `)
  await cancelEach(deps, open)
}

async function cancelEach(deps: Deps, open: readonly z.infer<typeof OpenRow>[]): Promise<void> {
  for (const { id, buyerId } of open) {
    await deps.cancelCheckout(id, buyerId).catch((error: unknown) => {
      // It was paid, or given back, in this very moment.
      if (!(error instanceof AppError) || error.code !== 'invalid_transition') throw error
    })
  }
}
