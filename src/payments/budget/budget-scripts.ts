/** The Lua commands of the budget, typed. What each does stands in its file under lua/payments. */
import { defineScript } from '../../platform/redis/script.ts'
import type { Granted } from './room.ts'

export const takeCalls = defineScript({
  file: 'payments/take-calls',
  keys: ['account', 'accountLog', 'endpoint', 'endpointLog', 'line'],
  args: ['accountLimit', 'endpointLimit', 'who', 'buyers', 'background'],
  reply: {
    granted: (buyers, background, againMs, now, milliRate): Granted => ({
      buyers: Number(buyers),
      background: Number(background),
      againMs: Number(againMs),
      at: Number(now),
      rate: Number(milliRate) / 1_000,
    }),
  },
})

/** Calls a second from now on; null: nothing was lowered. */
export const slowDown = defineScript({
  file: 'payments/slow-down',
  keys: ['bucket'],
  args: ['limit', 'how'],
  reply: {
    lowered: (milliRate): number | null => Number(milliRate) / 1_000,
    already: (): number | null => null,
    paused: (): number | null => null,
  },
})
