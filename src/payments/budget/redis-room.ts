/** Room for calls that Redis grants to all processes together. */
import type { RedisClient } from '../../platform/redis/client.ts'
import type { Endpoint, RequestLimits } from './budget.ts'
import { slowDown, takeCalls } from './budget-scripts.ts'
import type { Granted, Refusal, Room, Wanted } from './room.ts'

/** The hash tag keeps all keys of a script in one slot. */
const tag = '{budget}'
const accountKey = `${tag}:account`
const endpointKey = (endpoint: Endpoint) => `${tag}:at:${endpoint}`

/** One script call for each ask. Rejects as Redis does. */
export class RedisRoom implements Room {
  readonly #redis: RedisClient
  readonly #limits: RequestLimits

  /** One of the limits is above 0; they are whole numbers. */
  constructor(redis: RedisClient, limits: RequestLimits) {
    this.#redis = redis
    this.#limits = limits
  }

  ask(endpoint: Endpoint, { buyers, background }: Wanted, who: string): Promise<Granted> {
    return takeCalls(this.#redis, budgetKeys(endpoint), {
      accountLimit: this.#limits.account,
      endpointLimit: this.#limits.endpoint,
      who,
      buyers,
      background,
    })
  }

  async slowDown(endpoint: Endpoint, { of, how }: Refusal): Promise<number | null> {
    const limit = this.#limits[of]
    if (limit === 0) return null
    const { account, endpoint: ofEndpoint } = budgetKeys(endpoint)
    const bucket = of === 'account' ? account : ofEndpoint
    return slowDown(this.#redis, { bucket }, { limit, how })
  }
}

/** The keys of {@link takeCalls}, all with one hash tag. */
export function budgetKeys(endpoint: Endpoint) {
  const key = endpointKey(endpoint)
  return {
    account: accountKey,
    accountLog: `${accountKey}:log`,
    endpoint: key,
    endpointLog: `${key}:log`,
    line: `${key}:line`,
  }
}
