/** Rules about asking the provider that are broken on purpose. */
import type { PaymentGateway } from '../../../src/payments/gateway.ts'
import type { MoneyMutants } from './money-mutants.ts'

type Answer = { readonly tag: string; readonly why?: string }

export function mutantGateway(mutants: MoneyMutants, gateway: PaymentGateway): PaymentGateway {
  const {
    anotherIntent,
    busyIsAway,
    looksAreBlind,
    oneKeyForAll,
    refundsAskedAnew,
    othersIgnored,
  } = mutants
  let refunds = 0
  const blur = async <T extends Answer>(answer: Promise<T>): Promise<T> => {
    const said = await answer
    const blurred = busyIsAway && (said.why === 'busy' || said.why === 'barred')
    return blurred ? { ...said, why: 'away' } : said
  }
  const keyed = <T extends { readonly key: string }>(request: T): T =>
    oneKeyForAll ? { ...request, key: request.key.replace(/-\d+(-\d+)?$/, '') } : request
  return {
    ...gateway,
    createAndConfirm: (request, options) => blur(gateway.createAndConfirm(keyed(request), options)),
    confirmIntent: async (request, options) => {
      const asked = anotherIntent ? await gateway.retrieveIntent(request.intentId, options) : null
      if (asked?.tag === 'intent' && asked.intent.status === 'requires_action') {
        const { amount, currency, checkoutId } = asked.intent
        const nobody = { checkoutId: checkoutId ?? '', buyerId: '', orderNumber: null }
        const { intentId: _, ...same } = request
        const anew = { ...nobody, amount, currency, ...same }
        return gateway.createAndConfirm(anew, options)
      }
      return blur(gateway.confirmIntent(keyed(request), options))
    },
    burnKey: (request, options) => gateway.burnKey(keyed(request), options),
    findIntents: async (request, options) =>
      looksAreBlind ? { tag: 'intents', intents: [] } : gateway.findIntents(request, options),
    createRefund: (request, options) => {
      refunds += 1
      const key = refundsAskedAnew ? `${request.key}-${refunds}` : request.key
      return gateway.createRefund({ ...request, key }, options)
    },
    listRefunds: async (intentId, options) => {
      if (refundsAskedAnew) return { tag: 'refunds', refunds: [] }
      const listed = await gateway.listRefunds(intentId, options)
      if (!othersIgnored || listed.tag !== 'refunds') return listed
      return { ...listed, refunds: listed.refunds.filter(({ refundId }) => refundId !== null) }
    },
  }
}
