import { z } from 'zod'
import { shipmentMoves, shipmentSteps } from '../../fulfilment/shipment-state.ts'
import { limits } from '../../kernel/limits.ts'
import { sellerMoves } from '../../orders/order-state.ts'
import { orderWords } from '../../orders/order-words.ts'
import { skuSchema, sourceOfLines } from './checkout.ts'

const time = z.iso.datetime()
const orderStatus = z.enum(orderWords)

const place = z.strictObject({
  latitude: z.number().min(-90).max(90),
  longitude: z.number().min(-180).max(180),
})

export const paymentMethodIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9_]{3,255}$/, '3 to 255 of letters, digits and underscore')
  .describe('id of a payment method at the provider, such as pm_card_visa')

export const placeOrderBody = sourceOfLines({
  paymentMethodId: paymentMethodIdSchema.optional(),
  shipTo: place.optional().describe('the delivery place; decides which location of a seller ships'),
})

export const placedOrderSchema = z.object({
  orderId: z.uuid(),
  status: orderStatus,
  totalAmount: z.int().describe('in minor units'),
  currency: z.string(),
})

const text = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u, 'Control characters are not allowed')

export const refundOrderBody = z
  .strictObject({
    lines: z
      .array(
        z.strictObject({
          sku: skuSchema,
          quantity: z.int().min(1).max(limits.lineUnits),
        }),
      )
      .min(1)
      .max(limits.checkoutLines)
      .optional()
      .describe('whose money goes back; each SKU once'),
    amount: z
      .int()
      .min(1)
      .max(Number.MAX_SAFE_INTEGER)
      .optional()
      .describe('in minor units; with lines, at most what they cost'),
    restock: z.boolean().describe('whether the units go back to the stock'),
    reason: text,
  })
  .superRefine(({ lines = [] }, context) => {
    if (new Set(lines.map(({ sku }) => sku)).size === lines.length) return
    context.addIssue({ code: 'custom', path: ['lines'], message: 'Name each SKU once' })
  })

export const refundSchema = z.object({
  id: z.uuid(),
  amount: z.int().describe('in minor units'),
  status: z.enum(['pending', 'succeeded', 'failed']),
})

export const moveOrderBody = z.strictObject({ status: z.enum(sellerMoves) })

const shipmentSchema = z.object({
  id: z.uuid(),
  status: z.enum(shipmentMoves.states),
  location: z.string().nullable().describe('name of the location that ships it'),
  tracking: z.string().nullable(),
  shippedAt: time.nullable(),
  deliveredAt: time.nullable(),
  items: z.array(z.object({ sku: z.string(), quantity: z.int() })),
})

export const moveShipmentBody = z.strictObject({
  status: z.enum(shipmentSteps),
  tracking: z
    .string()
    .trim()
    .min(1)
    .max(100)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'Control characters are not allowed')
    .optional(),
})

export const orderSchema = z.object({
  id: z.uuid(),
  number: z.int(),
  status: orderStatus.describe('status of the least advanced line'),
  items: z.array(
    z.object({
      sku: z.string(),
      title: z.string(),
      quantity: z.int(),
      unitPrice: z.int().describe('price at the time of sale, in minor units'),
      status: orderStatus,
    }),
  ),
  total: z.int().describe('total of these items, in minor units'),
  currency: z.string(),
  payment: z
    .object({
      status: z
        .enum([
          'pending',
          'paid',
          'cancelled',
          'refund_pending',
          'partly_refunded',
          'refunded',
          'disputed',
        ])
        .describe(
          '`disputed`: the bank has the money until it decides, so a refund waits for that',
        ),
      captured: z.int().nullable().describe('null for sellers'),
      refunded: z.int().nullable().describe('null for sellers'),
      card: z
        .object({ brand: z.string(), last4: z.string() })
        .nullable()
        .describe(
          'the card that was paid with, or tried last; null for sellers, and where none is known',
        ),
      refunds: z
        .array(
          z.object({
            id: z.uuid(),
            amount: z.int().describe('in minor units'),
            status: z.enum(['pending', 'succeeded', 'failed']),
            reason: z.string(),
            createdAt: time,
          }),
        )
        .describe('the oldest first; a seller sees those that they asked for'),
    })
    .nullable()
    .describe('null before the first attempt to pay'),
  dispute: z
    .object({
      kind: z.enum(['dispute', 'warning', 'review']),
      status: z
        .string()
        .describe('in the words of the payment provider; `cleared` by an administrator'),
      reason: z.string(),
      open: z.boolean(),
      stopsShipping: z.boolean(),
      dueAt: time.nullable().describe('until when evidence is taken; null for buyers'),
    })
    .nullable()
    .describe('dispute, early fraud warning or review of the payment; buyers see disputes only'),
  shipments: z.array(shipmentSchema),
  history: z.array(
    z.object({
      from: z.string().nullable(),
      status: orderStatus,
      sku: z.string().nullable().describe('SKU of the line that moved; null for the whole order'),
      by: z.enum(['buyer', 'seller', 'admin', 'system']),
      actorId: z.uuid().nullable(),
      reason: z.string(),
      at: time,
    }),
  ),
  createdAt: time,
})
