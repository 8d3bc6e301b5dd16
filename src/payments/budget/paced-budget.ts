/** The budget with those who wait for it in this process. */
import type { Clock } from '../../kernel/clock.ts'
import type { RedisClient } from '../../platform/redis/client.ts'
import {
  type BudgetLog,
  type CallBudget,
  type Endpoint,
  endpoints,
  type RequestLimits,
  type Urgency,
  unlimitedBudget,
} from './budget.ts'
import { LocalRoom } from './local-room.ts'
import { RedisOrShare } from './redis-or-share.ts'
import { RedisRoom } from './redis-room.ts'
import type { Refusal, Room } from './room.ts'
import { WaitingCalls } from './waiting-calls.ts'

/** Calls that wait in one process, at all endpoints together. */
const waitingMax = 10_000
/** What a process grants itself while Redis is away. */
const ownShare = 1 / 4

/**
 * Opens the budget of one process, for whoever connects the parts: `unlimitedBudget` when both
 * limits are 0. `id` is a name that no other process has. A connection of purpose `gate` fits best.
 */
export function openBudget(
  limits: RequestLimits,
  deps: {
    readonly redis: RedisClient
    readonly clock: Clock
    readonly log: BudgetLog
    readonly id: string
  },
): CallBudget {
  if (limits.account === 0 && limits.endpoint === 0) return unlimitedBudget
  const { redis, clock, log, id } = deps
  const share = { account: limits.account * ownShare, endpoint: limits.endpoint * ownShare }
  const shared = new RedisRoom(redis, limits)
  const own = new LocalRoom(clock, share)
  return new PacedBudget({
    room: new RedisOrShare({ shared, own, clock, log }),
    limits,
    clock,
    log,
    id,
  })
}

export interface PacedBudgetDeps {
  /** Must not reject. */
  readonly room: Room
  /** What the provider allows; not both 0. */
  readonly limits: RequestLimits
  readonly clock: Pick<Clock, 'after'>
  readonly log: Pick<BudgetLog, 'warn'>
  readonly id: string
}

interface Queue {
  readonly waiting: WaitingCalls
  /** Calls a second, as last heard. */
  rate: number
  served: boolean
  /** Ends the pause before the next ask. */
  wake: () => void
}

/** Asks for all who wait at an endpoint together, one ask at a time. */
export class PacedBudget implements CallBudget {
  readonly limited = true
  readonly #deps: PacedBudgetDeps
  readonly #queues: Readonly<Record<Endpoint, Queue>>

  constructor(deps: PacedBudgetDeps) {
    this.#deps = deps
    const { account, endpoint } = deps.limits
    // Until the first answer says it exactly.
    const rate = Math.min(account || endpoint, endpoint || account)
    const queueOf = (): Queue => ({
      waiting: new WaitingCalls(deps.clock),
      rate,
      served: false,
      wake: () => {},
    })
    const queues = endpoints.map((each) => [each, queueOf()] as const)
    this.#queues = Object.fromEntries(queues) as Record<Endpoint, Queue>
  }

  async take(
    endpoint: Endpoint,
    { urgency, maxMs }: { readonly urgency: Urgency; readonly maxMs: number },
  ): Promise<boolean> {
    const all = Object.values(this.#queues).reduce((sum, { waiting }) => sum + waiting.size, 0)
    if (all >= waitingMax) return false
    const queue = this.#queues[endpoint]
    const served = queue.waiting.wait(urgency, maxMs)
    // A pause that is for others is not for the first of its kind.
    const { buyers, background } = queue.waiting.wanted
    if ((urgency === 'buyer' ? buyers : background) === 1) queue.wake()
    if (!queue.served) void this.#serve(endpoint, queue)
    return served
  }

  async takeSome(endpoint: Endpoint, wanted: number, urgency: Urgency = 'buyer') {
    const calls = Math.min(waitingMax, Math.max(0, Math.floor(wanted)))
    if (calls === 0) return { granted: 0, againMs: 1 }
    const { room, id } = this.#deps
    const asked =
      urgency === 'buyer' ? { buyers: calls, background: 0 } : { buyers: 0, background: calls }
    const { buyers, background, againMs, rate } = await room.ask(endpoint, asked, `${id}:some`)
    this.#queues[endpoint].rate = rate
    return { granted: buyers + background, againMs }
  }

  throttled(endpoint: Endpoint, reason: string | null): void {
    const refusal = refusalOf(reason)
    if (refusal) void this.#slowDown(endpoint, reason, refusal)
  }

  rate(endpoint: Endpoint): number {
    return this.#queues[endpoint].rate
  }

  async #serve(endpoint: Endpoint, queue: Queue): Promise<void> {
    const { room, id } = this.#deps
    queue.served = true
    while (queue.waiting.size > 0) {
      // Those who ask in the same breath come along.
      await Promise.resolve()
      const wanted = queue.waiting.wanted
      const granted = await room.ask(endpoint, wanted, id)
      queue.rate = granted.rate
      queue.waiting.serve(granted)
      const all = granted.buyers >= wanted.buyers && granted.background >= wanted.background
      if (!all && queue.waiting.size > 0) await this.#pause(queue, granted.againMs)
    }
    queue.served = false
  }

  #pause(queue: Queue, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#deps.clock.after(ms, () => queue.wake())
      queue.wake = () => {
        cancel()
        queue.wake = () => {}
        resolve()
      }
    })
  }

  async #slowDown(endpoint: Endpoint, reason: string | null, refusal: Refusal): Promise<void> {
    const { room, limits, log } = this.#deps
    // Where only one limit is known, it stands for the other.
    const other = refusal.of === 'account' ? 'endpoint' : 'account'
    const of = limits[refusal.of] > 0 ? refusal.of : other
    const rate = await room.slowDown(endpoint, { of, how: refusal.how })
    if (rate === null) return
    log.warn(
      { endpoint, reason, of, rate },
      'the payment provider says that there are too many calls; all processes make fewer for a while',
    )
  }
}

/** Null: it says nothing of other calls. Without a reason that is known, the endpoint is at fault. */
function refusalOf(reason: string | null): Refusal | null {
  switch (reason) {
    case 'global-rate':
      return { of: 'account', how: 'lower' }
    case 'global-concurrency':
      return { of: 'account', how: 'pause' }
    case 'endpoint-concurrency':
      return { of: 'endpoint', how: 'pause' }
    case 'resource-specific':
      return null
    default:
      return { of: 'endpoint', how: 'lower' }
  }
}
