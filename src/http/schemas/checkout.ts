import { z } from 'zod'
import { limits } from '../../kernel/limits.ts'

/** A SKU as people write it: no spaces, no separators of our own formats. */
export const skuSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, '1 to 64 of letters, digits, dot, dash, underscore')

export const quantitySchema = z.int().min(1).max(limits.lineUnits)

export const lineBody = z.strictObject({ sku: skuSchema, quantity: quantitySchema })

const items = z.array(lineBody).min(1).max(limits.checkoutLines)

/** A body that says what to buy: items, or the cart. */
export function sourceOfLines<Shape extends z.ZodRawShape>(others: Shape) {
  return z
    .strictObject({
      items: items.optional(),
      fromCart: z.literal(true).optional().describe('buys the cart; send it instead of items'),
      ...others,
    })
    .superRefine((body, context) => {
      const { items, fromCart } = body as { items?: unknown; fromCart?: unknown }
      if ((items === undefined) !== (fromCart === undefined)) return
      context.addIssue({
        code: 'custom',
        path: [items === undefined ? 'items' : 'fromCart'],
        message:
          items === undefined ? 'Send items or fromCart: true' : 'Send items or fromCart, not both',
      })
    })
}

export const checkoutBody = sourceOfLines({})

export const checkoutSchema = z.object({
  id: z.uuid(),
  status: z
    .string()
    .describe(
      'queued (admitted, not committed) → reserved (held, payable until expiresAt) → paying → confirmed; or ' +
        'expired, cancelled, payment_failed, rejected, lost',
    ),
  position: z
    .int()
    .nullable()
    .describe('while it is paying: payments before it in the queue to the payment provider'),
  pollAfterMs: z
    .int()
    .optional()
    .describe('while it is queued or paying: when to ask again, in milliseconds'),
  etaSeconds: z.number().nullable(),
  orderId: z.uuid().nullable(),
  total: z.int().nullable().describe('in minor units'),
  currency: z.string().nullable(),
  expiresAt: z.iso.datetime().nullable(),
  items: z.array(z.object({ sku: z.string(), quantity: z.int(), unitPrice: z.int().optional() })),
  remaining: z
    .int()
    .optional()
    .describe('units that the gate had left after it admitted this checkout'),
})
