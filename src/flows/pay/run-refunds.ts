/** Carries refunds out at the provider, each under its own key, and settles each of them once. */
import type { RefundAnswer } from '../../payments/gateway.ts'
import { askPatiently, jobPatience } from '../../payments/patience.ts'
import type { DueRefund } from '../../payments/refunds.ts'
import { refuseRefund, renewRefund } from './money/decide-refund.ts'
import type { MoneyDeps } from './money-deps.ts'
import { lookAtRefunds, settleRefunds } from './settle-refund.ts'

type RefundDeps = Pick<MoneyDeps, 'store' | 'gateway' | 'clock' | 'random' | 'log' | 'patience'>

const perClaim = 20
const claimsPerRun = 50
const parallel = 4
/** The provider forgets a key after a day: from then on it is asked what it has first. */
const keySafeSeconds = 20 * 3600
/** Keys of one refund after its first, at most: one more with each try. */
const roundsMax = 20

/**
 * For a job, every 3 seconds: asks again for the money of refunds that failed, when the schedule says
 * so, and carries out refunds that are due, up to 1,000; returns how many. Safe to run twice, also at
 * once. One that fails is logged and due again, one that the provider refuses goes to an operator;
 * rejects only when PostgreSQL is away.
 */
export async function runRefunds(deps: RefundDeps): Promise<number> {
  await renewRefunds(deps)
  let total = 0
  for (let i = 0; i < claimsPerRun; i++) {
    const due = await deps.store.claimRefunds(perClaim)
    for (let at = 0; at < due.length; at += parallel) {
      await Promise.all(due.slice(at, at + parallel).map((refund) => tryRefund(deps, refund)))
    }
    total += due.length
    if (due.length < perClaim) break
  }
  return total
}

/** Another refund takes the place of one that failed; whoever is second finds that it has. */
async function renewRefunds({ store }: RefundDeps): Promise<void> {
  for (const { id, checkoutId } of await store.failedRefundsDue(perClaim)) {
    await store.changeRefunds(checkoutId, (book, freshId) => ({
      change: renewRefund(book, id, 'job', freshId),
    }))
  }
}

/**
 * A refund that cannot be tried now is due again later: one of them must not hold up the others.
 */
async function tryRefund(deps: RefundDeps, refund: DueRefund): Promise<void> {
  try {
    await attemptRefund(deps, refund)
  } catch (error) {
    deps.log.warn(
      { err: error, refund: refund.id },
      'a refund did not go through; a later run tries it again',
    )
  }
}

/**
 * One that the provider has taken in, or may have under a key that it has forgotten, is looked up: to ask again could
 * give the money back twice.
 */
async function attemptRefund(deps: RefundDeps, refund: DueRefund): Promise<void> {
  const { store, log } = deps
  const { id, checkoutId, intentId, providerId } = refund
  const taken = providerId !== null || refund.origin === 'provider'
  if (taken || refund.ageSeconds > keySafeSeconds) {
    const listed = await lookAtRefunds(deps, checkoutId, intentId)
    if (taken || listed?.some(({ refundId }) => refundId === id)) return
  }
  const answer = await ask(deps, refund)
  if (answer.tag === 'refund') return void (await settleRefunds(deps, checkoutId, [answer.refund]))
  if (answer.tag === 'unknown') return store.noteRefund(id, answer.message)
  // Refused, perhaps because it is done, with the reply lost and the key forgotten, or because somebody was faster:
  // only a look can tell, and settles on what is left.
  const listed = await lookAtRefunds(deps, checkoutId, intentId)
  if (listed?.some(({ refundId }) => refundId === id)) return
  const why = `${answer.code}: ${answer.message}`
  const { decided } = await store.changeRefunds(checkoutId, (book) => ({
    change: refuseRefund(book, id, why),
  }))
  if (decided.change) {
    log.error(
      { refund: id, checkoutId, code: answer.code },
      'the provider refused a refund; it is listed for an operator',
    )
  }
}

/** By another key where the provider has kept a failure of its own, and has no such refund. */
async function ask(deps: RefundDeps, refund: DueRefund): Promise<RefundAnswer> {
  const last = Math.min(refund.attempts - 1, roundsMax)
  for (let round = 0; ; round++) {
    const answer = await askByKey(deps, refund, round === 0 ? refund.id : `${refund.id}-${round}`)
    if (answer.tag !== 'unknown' || answer.why !== 'stored' || round >= last) return answer
    const done = await findRefund(deps, refund)
    if (done) return done
  }
}

function askByKey(deps: RefundDeps, refund: DueRefund, key: string): Promise<RefundAnswer> {
  const { id, intentId, amount } = refund
  return askPatiently(deps, deps.patience ?? jobPatience, (timeoutMs) =>
    deps.gateway.createRefund({ intentId, amount, refundId: id, key }, { timeoutMs }),
  )
}

/** The refund as the provider has it; null when it has none. */
async function findRefund(
  { gateway }: RefundDeps,
  { id, intentId }: DueRefund,
): Promise<RefundAnswer | null> {
  const listed = await gateway.listRefunds(intentId)
  if (listed.tag !== 'refunds') return listed
  const refund = listed.refunds.find(({ refundId }) => refundId === id)
  return refund ? { tag: 'refund', refund } : null
}
