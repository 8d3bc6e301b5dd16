/** Jobs that run every so often, whether or not anybody waits for them. Each is safe to run twice, also at once. */
import type { DatabasePool } from 'slonik'
import { noteRefusedStock } from '../audit/audit-log.ts'
import { noteWords } from '../catalogue/note-words.ts'
import { refreshStockFlags } from '../catalogue/stock-flags.ts'
import { giveBackOfBarred } from '../flows/account/give-back-all.ts'
import type { CancelCheckout } from '../flows/pay/cancel-checkout.ts'
import { expireHolds } from '../flows/pay/expire-holds.ts'
import type { MoneyDeps } from '../flows/pay/money-deps.ts'
import type { PaymentQueue } from '../flows/pay/payment-queue.ts'
import { remindOfDisputes } from '../flows/pay/remind-of-disputes.ts'
import { reconcilePayments, resumeReclaims } from '../flows/pay/resume.ts'
import { runRefunds } from '../flows/pay/run-refunds.ts'
import { decideAssemblies, giveUp, overdueAssemblies } from '../flows/reserve/assembly.ts'
import { forgetStaleImages, type ImageWork, noticeUploads } from '../images/process-images.ts'
import { noteDailySales } from '../notifications/sale-letters.ts'
import { watchStock } from '../notifications/stock-alerts.ts'
import type { EventWalk } from '../payments/event-walk.ts'
import { forgetOldWebhooks } from '../payments/webhook-events.ts'
import { forgetDoneEvents } from '../platform/outbox.ts'
import type { ScheduledJob } from '../platform/queue/scheduled.ts'
import type { PostGates } from '../stock/gate/post-commands.ts'

/** What the jobs work on. */
export interface ScheduleDeps {
  readonly pool: DatabasePool
  readonly gates: PostGates
  readonly money: MoneyDeps
  readonly queue: Pick<PaymentQueue, 'drain'>
  readonly cancelCheckout: CancelCheckout
  readonly eventWalk: Pick<EventWalk, 'run'>
  readonly images: ImageWork
  readonly holdSeconds: number
  /** How often holds are looked through for those that have ended. */
  readonly sweepSeconds: number
}

const second = 1_000
const minute = 60 * second

/** The table of them. */
export function schedule(deps: ScheduleDeps): readonly ScheduledJob[] {
  const { pool, money, queue, images } = deps
  return [
    // Stock: every hold ends, and so does every checkout over several SKUs.
    {
      name: 'expire-holds',
      everyMs: deps.sweepSeconds * second,
      run: () => expireHolds(money),
    },
    { name: 'reject-assemblies', everyMs: 5 * second, run: () => rejectAssemblies(deps) },
    { name: 'give-back-of-barred', everyMs: 5 * second, run: () => giveBackOfBarred(deps) },
    // Money that moves although nobody waits for it.
    { name: 'run-refunds', everyMs: 3 * second, run: () => runRefunds(money) },
    { name: 'resume-reclaims', everyMs: 5 * second, run: () => resumeReclaims(money) },
    { name: 'drive-payments', everyMs: 3 * second, run: () => queue.drain(minute) },
    { name: 'reconcile-payments', everyMs: 5 * second, run: () => reconcilePayments(money) },
    {
      name: 'remind-of-disputes',
      everyMs: 10 * minute,
      run: () => remindOfDisputes(pool),
    },
    { name: 'walk-events', everyMs: 30 * second, run: () => deps.eventWalk.run() },
    // The shop: flags of what the gates have opened; once in a while of all, for repairs by hand and other strategies.
    { name: 'stock-flags', everyMs: second, run: () => refreshStockFlags(pool, 'opened') },
    { name: 'all-stock-flags', everyMs: 30 * second, run: () => refreshStockFlags(pool, 'all') },
    { name: 'note-words', everyMs: 5 * second, run: () => noteWords(pool) },
    { name: 'watch-stock', everyMs: 5 * second, run: () => watchStockOf(pool) },
    { name: 'tell-daily-sales', everyMs: 10 * minute, run: () => noteDailySales(pool) },
    { name: 'notice-uploads', everyMs: 5 * second, run: () => noticeUploads(images) },
    // What nobody needs any more.
    { name: 'forget-stale-images', everyMs: 10 * minute, run: () => forgetStaleImages(images) },
    { name: 'forget-old', everyMs: 10 * minute, run: () => forgetOld(pool) },
  ]
}

/** A checkout over several SKUs that was not decided in time gives its parts back. */
export async function rejectAssemblies(
  deps: Pick<ScheduleDeps, 'pool' | 'gates' | 'holdSeconds'>,
): Promise<void> {
  const overdue = await overdueAssemblies(deps.pool)
  if (overdue.length === 0) return
  // Its parts may all be held, and whoever committed the last one died before it looked.
  await decideAssemblies(deps.pool, overdue, deps.holdSeconds)
  await giveUp(deps, overdue, 'overdue')
}

/** Looks at the ledger, so that no checkout has to think of mails. */
async function watchStockOf(pool: DatabasePool): Promise<void> {
  await watchStock(pool)
  await noteRefusedStock(pool)
}

/** Long enough for whoever sends an event again, and for whoever asks what happened. */
const keptDays = 30
const perStatement = 5_000
/** Statements of one run, at most; what is left is forgotten by the next. */
const statementsMax = 40

/** Deletes events and webhooks that are long done. */
export async function forgetOld(pool: DatabasePool): Promise<void> {
  await untilFew((limit) => forgetDoneEvents(pool, { days: keptDays, limit }))
  await untilFew((limit) => forgetOldWebhooks(pool, { days: keptDays, limit }))
}

async function untilFew(forget: (limit: number) => Promise<number>): Promise<void> {
  for (let i = 0; i < statementsMax; i++) if ((await forget(perStatement)) < perStatement) return
}
