/**
 * The way to the provider: requests and answers are lost and late, also for minutes; a request may arrive twice. What
 * the network does to a call is a value here, as it is for Stripe's gateway.
 */

import { settlesWithin } from '../../../src/kernel/settles-within.ts'
import { keyOf } from '../../../src/payments/charge.ts'
import type { CallOptions, PaymentGateway, Unknown } from '../../../src/payments/gateway.ts'
import { CallFailed } from '../network.ts'
import type { SimProcess } from '../sim-process.ts'
import type { MoneyStage } from './money-stage.ts'
import { mutantGateway } from './mutant-gateway.ts'

const usualMs = 5_000
/** How late a request arrives that its caller has long given up, at most. */
const strayMs = 90_000

const away = (message: string): Unknown => ({ tag: 'unknown', why: 'away', message })

export function simGateway(stage: MoneyStage, owner: SimProcess): PaymentGateway {
  const { provider, network, scheduler, random } = stage

  const call = async <T>(
    verb: string,
    request: object | string,
    run: () => Promise<T>,
    { timeoutMs = usualMs }: CallOptions = {},
  ): Promise<T | Unknown> => {
    if (random.chance(stage.strayChance)) {
      stage.strays += 1
      scheduler.plan(random.next() * strayMs, () => {
        stage.story.note('stray', verb, request)
        void run().finally(() => {
          stage.strays -= 1
        })
      })
    }
    const answer = network
      .call(owner, stage.stripe, `provider.${verb}`, [request], run)
      .catch((error: unknown): Unknown => {
        if (error instanceof CallFailed) return away(error.message)
        throw error
      })
    return (await settlesWithin(owner.clock, timeoutMs, answer)) ? answer : away('no answer')
  }
  const noting = async <T extends { readonly tag: string; readonly why?: string }>(
    checkoutId: string | null,
    answer: Promise<T>,
  ): Promise<T> => {
    const said = await stage.watch.during(checkoutId, owner, answer)
    if (checkoutId !== null && said.why === 'away') stage.unanswered.add(checkoutId)
    return said
  }
  const checkoutOf = (intentId: string) => provider.intents.get(intentId)?.checkoutId ?? null
  return mutantGateway(stage.mutants, {
    createAndConfirm: (request, options) =>
      noting(
        request.checkoutId,
        call('createAndConfirm', request, () => provider.createAndConfirm(request), options),
      ),
    burnKey: (request, options) =>
      call('burnKey', request, () => provider.burnKey(request), options),
    findIntents: (request, options) =>
      noting(
        request.checkoutId,
        call('findIntents', request, () => provider.findIntents(request), options),
      ),
    confirmIntent: (request, options) =>
      noting(
        checkoutOf(request.intentId),
        call('confirmIntent', request, () => provider.confirmIntent(request), options),
      ),
    checkAccess: (options) => call('checkAccess', '', () => provider.checkAccess(), options),
    retrieveIntent: (id, options) =>
      noting(
        checkoutOf(id),
        call('retrieveIntent', id, () => provider.retrieveIntent(id), options),
      ),
    cancelIntent: (id, options) =>
      call('cancelIntent', id, () => provider.cancelIntent(id), options),
    createRefund: (request, options) =>
      call('createRefund', request, () => provider.createRefund(request), options),
    listRefunds: (id, options) => call('listRefunds', id, () => provider.listRefunds(id), options),
  })
}

/** All keys that an attempt may have used. */
export function keysOf(checkoutId: string, attempt: number, keyRound: number): string[] {
  return Array.from({ length: keyRound + 1 }, (_, round) =>
    keyOf({ checkoutId, attempt, keyRound: round }),
  )
}
