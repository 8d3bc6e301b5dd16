/** The provider reports as fast as it is answered: each event is signed, has its own id, and is stored. */
import { systemClock } from '../../src/kernel/clock.ts'
import { sql } from '../../src/platform/postgres/pool.ts'
import type { Access, BenchContext, Scenario } from '../ground/context.ts'
import { fromLoad, perSecond, round } from '../ground/results.ts'
import { benchEventPrefix } from '../load/webhook-requests.ts'

const path = '/webhooks/stripe'
const processedMs = 60_000

export const webhook: Scenario = async (context) => {
  const { options, access, settings } = context
  const webhookSecret = settings.STRIPE_WEBHOOK_SECRET
  if (!access || !webhookSecret) throw new Error('webhook: needs servers and stores of its own')
  const load = await context.load('webhook', {
    kind: 'webhooks',
    webhookSecret,
    path,
    tokens: ['none'],
    body: eventBody(),
    headers: {},
    connections: options.connections,
    durationMs: options.durationSeconds * 1_000,
  })
  const stored = await countStored(access)
  const started = systemClock.monotonic()
  const processed = await untilProcessed(context, access)
  const behind = (systemClock.monotonic() - started) / 1000
  const notes = [`the last event was processed ${round(behind, 1)} s after the last answer`]
  if (!processed) notes.push(`after ${processedMs / 1000} s some events were not processed`)
  if (stored !== load.accepted)
    notes.push(`${load.accepted} were answered 200, ${stored} are stored`)
  return {
    ...fromLoad(load, options.connections),
    committed: stored,
    committedPerSecond: perSecond(stored, load.seconds),
    figures: { behindSeconds: round(behind, 1) },
    notes,
  }
}

async function countStored({ pool }: Access): Promise<number> {
  const { count } = await pool.one(sql.typeAlias('count')`
    select count(*) as count from webhook_events where id like ${`${benchEventPrefix}%`}`)
  return count
}

async function untilProcessed(context: BenchContext, { pool }: Access): Promise<boolean> {
  const deadline = systemClock.monotonic() + processedMs
  while (systemClock.monotonic() < deadline) {
    const { count } = await pool.one(sql.typeAlias('count')`
      select count(*) as count from webhook_events where state = 'stored'`)
    if (count === 0) return true
    context.progress.update(`webhook: ${count} events to process`)
    await systemClock.sleep(200, context.signal)
    context.signal.throwIfAborted()
  }
  return false
}

/** As large as the provider's, about a payment that is none of this shop's. */
function eventBody(): string {
  const intent = 'pi_bench0000000000000000000'
  return JSON.stringify({
    id: '%ID%',
    object: 'event',
    api_version: '2026-10-28.endive',
    created: 1_795_000_000,
    livemode: false,
    pending_webhooks: 1,
    request: { id: 'req_bench00000000', idempotency_key: 'confirm-0-1' },
    type: 'payment_intent.succeeded',
    data: {
      object: {
        id: intent,
        object: 'payment_intent',
        amount: 2_500,
        amount_capturable: 0,
        amount_details: { tip: {} },
        amount_received: 2_500,
        application: null,
        application_fee_amount: null,
        automatic_payment_methods: { allow_redirects: 'never', enabled: true },
        canceled_at: null,
        cancellation_reason: null,
        capture_method: 'automatic',
        client_secret: `${intent}_secret_0000000000000000000000000`,
        confirmation_method: 'automatic',
        created: 1_795_000_000,
        currency: 'eur',
        customer: null,
        description: null,
        last_payment_error: null,
        latest_charge: 'ch_bench0000000000000000000',
        livemode: false,
        metadata: {},
        next_action: null,
        on_behalf_of: null,
        payment_method: 'pm_bench0000000000000000000',
        payment_method_configuration_details: null,
        payment_method_options: {
          card: {
            installments: null,
            mandate_options: null,
            network: null,
            request_three_d_secure: 'automatic',
          },
        },
        payment_method_types: ['card'],
        processing: null,
        receipt_email: null,
        review: null,
        setup_future_usage: null,
        shipping: null,
        source: null,
        statement_descriptor: null,
        statement_descriptor_suffix: null,
        status: 'succeeded',
        transfer_data: null,
        transfer_group: null,
      },
    },
  })
}
