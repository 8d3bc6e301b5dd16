import type { Answer, ErrorFields, PaymentError, PaymentIntentRecord } from './records.ts'

/**
 * A request that is answered with an error of Stripe's. `stored` tells whether an idempotency key keeps it:
 * what fails before the work begins leaves nothing behind, and the key may be tried again.
 */
export class StripeFailure extends Error {
  override name = 'StripeFailure'
  readonly answer: Answer
  readonly stored: boolean
  /** Further headers of the answer: name, value, name, value. */
  readonly headers: readonly string[]

  constructor(
    status: number,
    error: ErrorFields,
    options: {
      readonly stored?: boolean
      readonly paymentIntent?: PaymentIntentRecord
      readonly headers?: readonly string[]
    } = {},
  ) {
    super(error.message)
    const { stored = false, paymentIntent, headers = [] } = options
    this.headers = headers
    const object = paymentIntent ? ({ kind: 'pi', record: paymentIntent } as const) : null
    this.answer = {
      status,
      error: error.code ? { ...error, doc_url: docUrl(error.code) } : error,
      object,
      expanded: [],
    }
    this.stored = stored
  }
}

/** 400 for a parameter that cannot be used; not kept by a key. */
export function badParameter(param: string, message: string, code?: string): StripeFailure {
  const error = { type: 'invalid_request_error', message, param } as const
  return new StripeFailure(400, code ? { ...error, code } : error)
}

/** 404 for the object of the URL, 400 for one that a parameter names. */
export function noSuch(what: string, id: string, param: string, status = 404): StripeFailure {
  return new StripeFailure(
    status,
    {
      type: 'invalid_request_error',
      code: 'resource_missing',
      message: `No such ${what}: '${id.slice(0, 100)}'`,
      param,
    },
    { stored: true },
  )
}

/** 400 for a step that the PaymentIntent's status does not allow. */
export function unexpectedState(
  paymentIntent: PaymentIntentRecord,
  message: string,
): StripeFailure {
  return new StripeFailure(
    400,
    { type: 'invalid_request_error', code: 'payment_intent_unexpected_state', message },
    { stored: true, paymentIntent },
  )
}

/** 402 for an attempt that the bank refused. `paymentIntent` is as the attempt left it. */
export function declined(paymentIntent: PaymentIntentRecord, error: PaymentError): StripeFailure {
  return new StripeFailure(
    402,
    {
      type: 'card_error',
      code: error.code,
      message: error.message,
      ...(error.declineCode ? { decline_code: error.declineCode } : {}),
      ...(error.charge ? { charge: error.charge } : {}),
    },
    { stored: true, paymentIntent },
  )
}

export function docUrl(code: string): string {
  return `https://stripe.com/docs/error-codes/${code.replaceAll('_', '-')}`
}
