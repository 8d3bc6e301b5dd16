/** The simulator's own addresses, under /_sim: scripts that make it misbehave, and what it has seen. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import type { Clock } from '../../src/kernel/clock.ts'
import { type Address, sendFailure, sendJson, stripeHeaders } from './answering.ts'
import type { Api } from './api.ts'
import { type ApiKeys, keyScript } from './api-keys.ts'
import { clientSecretOf, sendBankPage } from './bank-page.ts'
import { authenticate, settle } from './charging.ts'
import { noSuch, StripeFailure } from './failure.ts'
import { type Faults, faultScript } from './faults.ts'
import { Form } from './form.ts'
import { summarize, tallyOf } from './inspect.ts'
import { limits } from './limits.ts'
import { type RateLimits, rateScript } from './rate-limits.ts'
import { eventTypes, type PaymentIntentRecord, type Snapshot } from './records.ts'
import { settleRefund } from './refunds.ts'
import { renderSnapshot } from './render.ts'
import { endpointNames } from './routes.ts'
import { bankScript, type SlowBanks } from './slow-banks.ts'
import type { Work } from './store.ts'
import { newStripeId } from './stripe-ids.ts'
import { webhookBehaviour } from './webhook-behaviour.ts'
import type { Webhooks } from './webhooks.ts'

export interface Scripting {
  readonly api: Api
  readonly faults: Faults
  readonly rateLimits: RateLimits
  readonly webhooks: Webhooks
  readonly clock: Clock
  readonly keys: ApiKeys
  readonly banks: SlowBanks
}

interface Call {
  readonly id: string
  readonly form: Form
  readonly body: string
}

const outcomeBody = z.strictObject({ outcome: z.enum(['succeed', 'fail']) })
const webhooksBody = z.strictObject({
  target: z
    .strictObject({
      url: z.url({ protocol: /^https?$/ }),
      secret: z.string().min(1).max(200),
      events: z.array(z.enum(eventTypes)).max(eventTypes.length).optional(),
    })
    .optional(),
  behaviour: webhookBehaviour.optional(),
})
const searchBody = z.strictObject({ delayMs: z.int().min(0).max(limits.searchDelayMs) })
const resendBody = z.strictObject({ eventId: z.string().min(1).max(100) })

type Action = (scripting: Scripting, call: Call) => object | Promise<object>

/** `*` stands for an id. */
const actions: Readonly<Record<string, Action>> = {
  'GET /_sim/summary': ({ api }, { form }) => summarize(api.store, form.text('by', 100)),
  'GET /_sim/payment_intents/*': ({ api }, { id }) => {
    const record = intentOf(api, id)
    return { id, status: record.status, ...tallyOf(api.store, record) }
  },
  'POST /_sim/payment_intents/*/authenticate': ({ api }, { id, body }) => {
    const { outcome } = parse(outcomeBody, body)
    const before = intentOf(api, id)
    return changed(api, 'pi', (work) => {
      return authenticate(api.charging, work, before, outcome).paymentIntent
    })
  },
  'POST /_sim/payment_intents/*/settle': ({ api }, { id, body }) => {
    const { outcome } = parse(outcomeBody, body)
    const before = intentOf(api, id)
    return changed(api, 'pi', (work) => settle(api, work, before, outcome))
  },
  'POST /_sim/refunds/*/settle': ({ api }, { id, body }) => {
    const { outcome } = parse(outcomeBody, body)
    const before = api.store.refunds.get(id)
    if (!before) throw noSuch('refund', id, 'id')
    return changed(api, 're', (work) => settleRefund(api, work, before, outcome))
  },
  'GET /_sim/faults': ({ faults }) => faults.script,
  'PUT /_sim/faults': ({ faults }, { body }) => {
    faults.set(parse(faultScript, body))
    return faults.script
  },
  'DELETE /_sim/faults': ({ faults }) => {
    faults.clear()
    return faults.script
  },
  'GET /_sim/keys': ({ keys }) => keys.script ?? { keys: null },
  'PUT /_sim/keys': ({ keys }, { body }) => {
    keys.set(parse(keyScript, body))
    return keys.script ?? {}
  },
  'DELETE /_sim/keys': ({ keys }) => {
    keys.reset()
    return { keys: null }
  },
  'GET /_sim/banks': ({ banks }) => banks.script,
  'PUT /_sim/banks': ({ banks }, { body }) => {
    banks.set(parse(bankScript, body))
    return banks.script
  },
  'DELETE /_sim/banks': ({ banks }) => {
    banks.set({ rules: [] })
    return banks.script
  },
  'PUT /_sim/search': ({ api }, { body }) => {
    api.search.delay(parse(searchBody, body).delayMs)
    return { delayMs: api.search.delayMs }
  },
  'GET /_sim/rate_limits': ({ rateLimits }) => rateLimits.script,
  'PUT /_sim/rate_limits': ({ rateLimits }, { body }) => {
    const script = parse(rateScript, body)
    const known = endpointNames()
    const strange = Object.keys(script.endpoints).find((name) => !known.includes(name))
    if (strange !== undefined) throw refused(`endpoints: there is no ${strange}.`)
    rateLimits.set(script)
    return rateLimits.script
  },
  'GET /_sim/requests': ({ rateLimits }, { form }) =>
    rateLimits.log.report(form.whole('since') ?? 0),
  'DELETE /_sim/requests': ({ rateLimits }) => {
    rateLimits.log.clear()
    return rateLimits.log.report(0)
  },
  'GET /_sim/webhooks': ({ webhooks }) => webhookState(webhooks),
  'PUT /_sim/webhooks': ({ webhooks }, { body }) => {
    const { target, behaviour } = parse(webhooksBody, body)
    if (target) webhooks.aimAt(target)
    if (behaviour) webhooks.behave(behaviour)
    return webhookState(webhooks)
  },
  'POST /_sim/webhooks/deliver': ({ webhooks }) => webhooks.deliverWaiting(limits.deliverWaitMs),
  'POST /_sim/webhooks/resend': ({ api, webhooks }, { body }) => {
    const { eventId } = parse(resendBody, body)
    const event = api.store.events.get(eventId)
    if (!event) throw noSuch('event', eventId, 'eventId')
    webhooks.resend(event)
    return webhookState(webhooks)
  },
}

/** Answers a request below /_sim. */
export async function serveScript(
  scripting: Scripting,
  request: IncomingMessage,
  response: ServerResponse,
  { method, path, query }: Address,
  body: string | undefined,
): Promise<void> {
  const headers = stripeHeaders(request, newStripeId('req'))
  try {
    if (body === undefined) throw refused('The request is too large.', 413)
    const form = Form.parse(query)
    if (path.startsWith('/_sim/bank/')) return bank(scripting, response, path, form, body, method)
    scripting.keys.letScriptIn(request)
    const [, , resource, id, ...rest] = path.split('/')
    const plain = `${method} ${path}`
    const pattern = `${method} ${['', '_sim', resource, '*', ...rest].join('/')}`
    const name = Object.hasOwn(actions, plain) ? plain : pattern
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined
    if (!action) throw refused(`There is no ${method} ${path.slice(0, 200)}.`, 404)
    const result = await action(scripting, { id: id ?? '', form, body })
    sendJson(response, 200, JSON.stringify(result), headers)
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error
    sendFailure(response, error, headers)
  }
}

function bank(
  { api }: Scripting,
  response: ServerResponse,
  path: string,
  query: Form,
  body: string,
  method: string,
): void {
  const answer = method === 'POST' ? Form.parse(body) : query
  const before = api.store.paymentIntents.get(path.slice('/_sim/bank/'.length))
  if (!before || answer.text('client_secret') !== clientSecretOf(before)) {
    throw refused('No payment is waiting here.', 404)
  }
  if (method !== 'POST') {
    sendBankPage(response, before)
    return
  }
  const outcome = answer.oneOf('outcome', ['succeed', 'fail'])
  if (outcome === undefined) throw refused('outcome must be succeed or fail.')
  if (before.status !== 'requires_action') {
    sendBankPage(response, before, 409)
    return
  }
  let after = before
  changed(api, 'pi', (work) => {
    after = authenticate(api.charging, work, before, outcome).paymentIntent
    return after
  })
  if (!after.returnUrl || !/^https?:/.test(after.returnUrl)) {
    sendBankPage(response, after)
    return
  }
  const back = new URL(after.returnUrl)
  back.searchParams.set('payment_intent', after.id)
  back.searchParams.set('redirect_status', outcome === 'succeed' ? 'succeeded' : 'failed')
  response.writeHead(303, { location: back.href, 'cache-control': 'no-store' })
  response.end()
}

/** Makes a change that no request to the API caused, and returns the object as it is now. */
function changed<K extends Snapshot['kind']>(
  { store }: Api,
  kind: K,
  change: (work: Work) => Extract<Snapshot, { kind: K }>['record'],
): object {
  const work = store.begin({ requestId: null, idempotencyKey: null })
  try {
    return renderSnapshot({ kind, record: change(work) } as Snapshot)
  } finally {
    store.commit(work)
  }
}

function webhookState(webhooks: Webhooks): object {
  return { target: webhooks.target, behaviour: webhooks.behaviour, counts: webhooks.counts }
}

function intentOf({ store }: Api, id: string): PaymentIntentRecord {
  const record = store.paymentIntents.get(id)
  if (!record) throw noSuch('payment_intent', id, 'intent')
  return record
}

function parse<T>(schema: z.ZodType<T>, body: string): T {
  let json: unknown
  try {
    json = JSON.parse(body === '' ? '{}' : body)
  } catch {
    throw refused('The body is not JSON.')
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw refused(`${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'not valid'}`)
}

function refused(message: string, status = 400): StripeFailure {
  return new StripeFailure(status, { type: 'invalid_request_error', message })
}
