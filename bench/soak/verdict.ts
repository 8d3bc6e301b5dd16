/** Whether the shop and the provider agree after a soak. */
import { z } from 'zod'
import { loadConfig } from '../../src/config/config.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { checkGuarantees } from '../../src/ops/guarantees.ts'
import { providerText } from '../../src/ops/provider-text.ts'
import { reportText } from '../../src/ops/report-text.ts'
import { bankHasMoney } from '../../src/payments/concerns.ts'
import { sql } from '../../src/platform/postgres/pool.ts'
import { askProvider } from '../../src/system/verify-provider.ts'
import type { Access } from '../ground/context.ts'
import type { Progress } from '../ground/progress.ts'
import type { Servers } from '../ground/servers.ts'

const quietMs = 180_000

const Open = z.object({ open: z.number(), walks: z.number(), found: z.number() })

/** Waits until nothing is open but refunds whose money a bank has: payments, events, mails, and the walk. False after three minutes. */
export async function untilQuiet(
  { pool }: Access,
  progress: Progress,
  signal: AbortSignal,
): Promise<boolean> {
  const deadline = systemClock.monotonic() + quietMs
  while (systemClock.monotonic() < deadline) {
    const { open, walks, found } = await pool.one(sql.type(Open)`
      select (select count(*) from webhook_events where state = 'stored')
          + (select count(*) from payment_attempts where state in ('waiting', 'pending', 'requires_action'))
          + (select count(*) from refunds r where state = 'pending'
              and not ${bankHasMoney(sql.fragment`r.checkout_id`)})
          + (select count(*) from stock_commands where done_at is null)
          + (select count(*) from outbox where done_at is null and parked_at is null) as open,
        (select count(*) from event_walk where began_at is not null or wanted_at is not null) as walks,
        (select found from event_walk) as found`)
    if (open === 0 && walks === 0) {
      progress.say(`the last walk found ${found} events that no webhook had brought`)
      return true
    }
    progress.update(`${open} payments, refunds, events and commands are open`)
    await systemClock.sleep(500, signal)
    signal.throwIfAborted()
  }
  return false
}

/** Prints the guarantees and the comparison with the provider. 0 when both are well, else 1. */
export async function judgeSoak(parts: {
  readonly access: Access
  readonly servers: Servers
  readonly settings: Readonly<Record<string, string>>
  readonly progress: Progress
}): Promise<number> {
  const { access, servers, settings, progress } = parts
  const { pool, redis } = access
  const notes: string[] = []
  const note = (sentence: string) => notes.push(sentence)
  const config = loadConfig({ ...settings, STRIPE_API_BASE: servers.stripeUrl })
  progress.update('judging')
  const report = await checkGuarantees({ pool, redis, config, clock: systemClock, note })
  const provider = await askProvider(config, { pool, redis, stripeUrl: servers.stripeUrl, note })
  progress.say(reportText(report, []))
  progress.say(providerText(provider, notes))
  return report.kept && provider.kept ? 0 : 1
}
