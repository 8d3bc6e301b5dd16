/** One winner, who pays and asks until it is known how that ended. */
import { z } from 'zod'
import { systemClock } from '../../src/kernel/clock.ts'
import { checkoutPath } from './buying.ts'

export interface Winner {
  /** Origin of the API that this buyer talks to. */
  readonly api: string
  readonly token: string
  /** Of the checkout that holds the unit. */
  readonly id: string
  /** Was answered that the payment failed, or that the unit went back. */
  toldFailed?: boolean
  /** The checkout's last status. */
  end?: string
  paidAtMs?: number
}

const patienceMs = 180_000
const pauseMs = 1_000
const callMs = 45_000
const ended: readonly (string | undefined)[] = [
  'confirmed',
  'payment_failed',
  'expired',
  'cancelled',
]

const told = z.looseObject({
  status: z.union([z.string(), z.number()]).optional(),
  code: z.string().optional(),
  pollAfterMs: z.number().nullish(),
})
type Told = z.infer<typeof told>

/** Confirms, then asks as often as the shop says, for three minutes at most. What it is told is noted. */
export async function payFor(winner: Winner, signal: AbortSignal): Promise<void> {
  const { api, token, id } = winner
  const path = `${checkoutPath}/${id}`
  const deadline = systemClock.monotonic() + patienceMs
  const body = JSON.stringify({ paymentMethodId: 'pm_card_visa' })
  let answer = await callApi(api, 'POST', `${path}/confirm`, { token, signal, body })
  while (systemClock.monotonic() < deadline) {
    const { status, body: said } = answer
    note(winner, status, said)
    if (ended.includes(winner.end)) return
    await systemClock.sleep(said.pollAfterMs ?? pauseMs, signal)
    signal.throwIfAborted()
    // Too busy to take the payment: the buyer presses again.
    const again = said.code === 'overloaded' || status === 0
    answer = again
      ? await callApi(api, 'POST', `${path}/confirm`, { token, signal, body })
      : await callApi(api, 'GET', path, { token, signal })
  }
}

function note(winner: Winner, status: number, { status: word, code }: Told): void {
  const failed = status >= 400 && code !== 'overloaded' && status !== 429
  if (typeof word === 'string') winner.end = word
  if (failed || ['payment_failed', 'expired', 'cancelled'].includes(winner.end ?? '')) {
    winner.toldFailed = true
  }
  if (winner.end === 'confirmed') winner.paidAtMs = systemClock.monotonic()
}

/** One call; status 0 when nobody answers. */
export async function callApi(
  api: string,
  method: string,
  path: string,
  request: {
    readonly token: string
    readonly signal: AbortSignal
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
  },
): Promise<{ status: number; body: Told }> {
  const { token, signal, headers, body } = request
  try {
    const answer = await fetch(`${api}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(callMs)]),
    })
    return { status: answer.status, body: told.parse(await answer.json()) }
  } catch {
    signal.throwIfAborted()
    return { status: 0, body: {} }
  }
}
