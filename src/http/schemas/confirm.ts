import { z } from 'zod'
import { paymentMethodIdSchema } from './order.ts'

const line = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'Control characters are not allowed')

const shippingAddress = z.strictObject({
  line1: line(200),
  line2: line(200).optional(),
  city: line(100).optional(),
  state: line(100).optional(),
  postalCode: line(20).optional(),
  country: z.string().regex(/^[A-Z]{2}$/, 'two capital letters (ISO 3166-1)'),
})

export const confirmBody = z.strictObject({
  paymentMethodId: paymentMethodIdSchema,
  shipping: z
    .strictObject({ name: line(100), phone: line(40).optional(), address: shippingAddress })
    .optional()
    .describe(
      'where the goods go; only told to the payment provider, which judges by it whether the card is a stolen one',
    ),
})

const card = z
  .object({ brand: z.string(), last4: z.string() })
  .optional()
  .describe('the card of the attempt that this answer is about, where the provider names one')

export const confirmedSchema = z
  .object({ status: z.literal('confirmed'), orderId: z.uuid(), card })
  .describe('The order is paid')

export const payingSchema = z
  .object({
    status: z.literal('paying'),
    orderId: z.uuid(),
    clientSecret: z
      .string()
      .nullable()
      .describe(
        'for the authentication page of the bank; null while the payment is still processing',
      ),
    card,
    position: z
      .int()
      .nullable()
      .describe(
        'payments that are before this one in the queue to the payment provider; null outside of it',
      ),
    pollAfterMs: z.int().describe('when to ask again, in milliseconds'),
  })
  .describe('The bank requires authentication (3-D Secure), or the payment is still processing')
