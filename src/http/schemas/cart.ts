import { z } from 'zod'
import { isUuid } from '../../kernel/ids.ts'
import { lineBody, quantitySchema, skuSchema } from './checkout.ts'

/** A guest's own name for their cart. */
const cartIdHeader = z
  .string()
  .toLowerCase()
  .refine(isUuid, 'A UUID of your own')
  .describe('names the cart of a guest: a UUID of the client’s')

export const cartHeaders = z.looseObject({ 'x-cart-id': cartIdHeader.optional() })

export const addBody = lineBody

export const setBody = z.strictObject({
  sku: skuSchema.optional().describe('that of the path, if at all'),
  quantity: quantitySchema,
})

export const cartSchema = z.object({
  items: z.array(
    z.object({
      sku: z.string(),
      title: z.string(),
      quantity: z.int(),
      price: z.int().describe('minor units for one, at this moment'),
      available: z.int().describe('what could be bought at this moment'),
    }),
  ),
  total: z.int().nullable().describe('minor units; null when the lines have several currencies'),
  currency: z.string().nullable(),
  expiresAt: z.iso
    .datetime()
    .nullable()
    .describe('when a cart is forgotten that nobody looks at; null for an empty one'),
})
