/** Scripts that make the simulator misbehave, and tell what it has met. */
import { z } from 'zod'
import { keyScript } from './api-keys.ts'
import { noSuch } from './failure.ts'
import { faultScript } from './faults.ts'
import { limits } from './limits.ts'
import { noRateLimits, rateScript } from './rate-limits.ts'
import { eventTypes } from './records.ts'
import { endpointNames } from './routes.ts'
import { type Action, parse, refused } from './scripting.ts'
import { bankScript } from './slow-banks.ts'
import { webhookBehaviour, wellBehaved } from './webhook-behaviour.ts'
import type { Webhooks } from './webhooks.ts'

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

/** By method and address; `*` stands for an id. */
export const faultActions: Readonly<Record<string, Action>> = {
  'DELETE /_sim/scripts': ({ api, faults, keys, banks, rateLimits, webhooks }) => {
    faults.clear()
    keys.reset()
    banks.set({ rules: [] })
    api.search.delay(0)
    rateLimits.set(noRateLimits)
    webhooks.aimAt(undefined)
    webhooks.behave(wellBehaved)
    return webhookState(webhooks)
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

function webhookState(webhooks: Webhooks): object {
  return { target: webhooks.target, behaviour: webhooks.behaviour, counts: webhooks.counts }
}
