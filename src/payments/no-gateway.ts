import type { PaymentGateway, Unknown } from './gateway.ts'

const unknown: Unknown = { tag: 'unknown', message: 'no payment provider is set' }
const answer = async () => unknown

/** Stands where no provider is set: checkouts work, and every attempt to pay ends as it does in an outage. */
export function noGateway(): PaymentGateway {
  return {
    createIntent: answer,
    confirmIntent: answer,
    retrieveIntent: answer,
    cancelIntent: answer,
    createRefund: answer,
    listRefunds: answer,
  }
}
