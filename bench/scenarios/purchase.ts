/** Whole purchases: a checkout with its commit, a charge at the payment simulator, the webhook, the order. */
import { z } from 'zod'
import { systemClock } from '../../src/kernel/clock.ts'
import { sql } from '../../src/platform/postgres/pool.ts'
import type { Access, BenchContext, Scenario } from '../ground/context.ts'
import { chargesOf } from '../ground/orders.ts'
import { fromLoad, perSecond, round } from '../ground/results.ts'
import { stockFigures, waitUntilCommitted } from '../ground/stock.ts'
import { bodyFor, checkoutPath, prepareSku } from './buying.ts'

const connectionsMax = 32
const settledMs = 60_000

export const purchase: Scenario = async (context) => {
  const { options, access } = context
  const connections = Math.min(connectionsMax, options.connections)
  const sku = await prepareSku(context, 'PAID', options.stock)
  const load = await context.load('purchase', {
    kind: 'purchases',
    path: checkoutPath,
    tokens: context.buyers.tokens(),
    body: bodyFor(sku),
    headers: { prefer: 'wait=10' },
    connections,
    durationMs: options.durationSeconds * 1_000,
    stopAfterRefusals: connections,
  })
  const measured = fromLoad(load, connections)
  if (!access) {
    return {
      ...measured,
      committed: load.accepted,
      committedPerSecond: perSecond(load.accepted, load.seconds),
      notes: ['committed: purchases that were answered as confirmed'],
    }
  }
  const units = load.accepted
  await waitUntilCommitted(access, sku, { units, withinMs: settledMs, signal: context.signal })
  const started = systemClock.monotonic()
  const quiet = await untilQuiet(context, access)
  const behind = (systemClock.monotonic() - started) / 1000
  const { paid, captured, twice } = await chargesOf(access.pool, sku)
  const notes = [`webhooks, outbox and mails were done ${round(behind, 1)} s after the last answer`]
  if (!quiet) notes.push(`after ${settledMs / 1000} s some of them were still open`)
  if (captured !== paid || twice > 0) {
    notes.push(`${paid} orders are paid, ${captured} charged in full, ${twice} charged too much`)
  }
  return {
    ...measured,
    committed: paid,
    committedPerSecond: perSecond(paid, load.seconds),
    stock: await stockFigures(access, sku),
    figures: { behindSeconds: round(behind, 1) },
    notes,
  }
}

const openRow = z.object({ webhooks: z.number(), events: z.number(), commands: z.number() })

/** Waits until nothing is open that the purchases left to the background. False at the limit. */
async function untilQuiet(context: BenchContext, access: Access): Promise<boolean> {
  const deadline = systemClock.monotonic() + settledMs
  while (systemClock.monotonic() < deadline) {
    const open = await access.pool.one(sql.type(openRow)`
      select (select count(*) from webhook_events where state = 'stored') as webhooks,
        (select count(*) from outbox where done_at is null and parked_at is null) as events,
        (select count(*) from stock_commands where done_at is null) as commands`)
    if (open.webhooks + open.events + open.commands === 0) return true
    context.progress.update(
      `purchase: ${open.webhooks} webhooks, ${open.events} events, ${open.commands} stock commands to go`,
    )
    await systemClock.sleep(200, context.signal)
    context.signal.throwIfAborted()
  }
  return false
}
