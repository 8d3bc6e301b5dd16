/** What goes wrong during a soak: at the provider, on the way, and with the shop's own processes. */
import { z } from 'zod'
import { systemClock } from '../../src/kernel/clock.ts'
import type { SeededRandom } from '../../src/kernel/random.ts'
import type { Servers } from '../ground/servers.ts'

/** Calls one of the simulator's own addresses; null when it refuses, which a soak does not mind. */
export type Script = (method: string, path: string, body?: object) => Promise<unknown>

/** Makes the calls of a soak. */
export function scriptAt(stripeUrl: string): Script {
  return async (method, path, body) => {
    const answer = await fetch(`${stripeUrl}/_sim/${path}`, {
      method,
      headers: { authorization: 'Bearer sk_test_soak' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    const json: unknown = await answer.json()
    return answer.ok ? json : null
  }
}

/** From now on events get lost, late or mixed as `more` says, besides what was said before. */
export async function misbehave(script: Script, more: object): Promise<void> {
  const { behaviour } = z
    .looseObject({ behaviour: z.looseObject({}) })
    .parse(await script('GET', 'webhooks'))
  await script('PUT', 'webhooks', { behaviour: { ...behaviour, ...more } })
}

const kinds = [
  ...['error_before', 'error_stored', 'error_after', 'error_stored_after'],
  ...['drop_before', 'drop_after', 'lock_timeout', 'rate_limited', 'key_in_use'],
]
const outages = ['error', 'drop', 'hang'] as const
/** Shorter than the shop's patience with a provider that is away, mostly. */
const outageMs = 1_500

export interface TroubleDeps {
  readonly servers: Servers
  readonly settings: Readonly<Record<string, string>>
  readonly script: Script
  readonly random: SeededRandom
  readonly signal: AbortSignal
  /** Told what is done. */
  readonly say: (sentence: string) => void
}

/** Makes trouble every second or two, until `done` says so. Resolves with what it did, counted. */
export async function makeTrouble(
  deps: TroubleDeps,
  done: () => boolean,
): Promise<Readonly<Record<string, number>>> {
  const { random, signal } = deps
  const counts: Record<string, number> = {}
  while (!done()) {
    await systemClock.sleep(random.whole(500, 2_000), signal)
    signal.throwIfAborted()
    if (done()) break
    const name = random.pick(Object.keys(troubles) as (keyof typeof troubles)[])
    counts[name] = (counts[name] ?? 0) + 1
    deps.say(`trouble: ${name}`)
    await troubles[name](deps)
  }
  await clearUp(deps.script)
  return counts
}

/** The provider and its events behave from now on. */
export async function clearUp(script: Script): Promise<void> {
  await script('DELETE', 'faults')
  await script('DELETE', 'banks')
  await script('PUT', 'webhooks', { behaviour: {} })
  await script('POST', 'webhooks/deliver')
}

const troubles = {
  'single calls fail': ({ script, random }: TroubleDeps) =>
    script('PUT', 'faults', {
      next: [{ kind: random.pick(kinds), count: random.whole(1, 8), match: 'POST /v1/' }],
    }),
  'the provider is away': async ({ script, random, signal }: TroubleDeps) => {
    await script('PUT', 'faults', { outage: random.pick(outages) })
    await systemClock.sleep(outageMs, signal)
    await script('DELETE', 'faults')
  },
  'banks are slow or hang up': ({ script, random }: TroubleDeps) =>
    script('PUT', 'banks', {
      rules: [
        { paymentMethod: 'pm_card_mastercard', minMs: 500, maxMs: 4_000, count: 30 },
        {
          ...{ paymentMethod: 'pm_card_amex', minMs: 100, maxMs: 1_000, drop: true, count: 10 },
          when: random.pick(['before', 'after']),
        },
      ],
    }),
  'events come twice, late and in disorder': ({ script }: TroubleDeps) =>
    misbehave(script, {
      ...{ duplicates: 1, duplicateRate: 0.3, delay: { minMs: 0, maxMs: 2_000 }, reorder: 10 },
    }),
  'the API is killed': async ({ servers, settings }: TroubleDeps) => {
    await servers.kill('api')
    await servers.restartApi(settings)
  },
  'the worker is killed': async ({ servers, settings }: TroubleDeps) => {
    await servers.kill('worker')
    servers.startWorker({ ...settings, ...servers.addresses })
  },
} as const
