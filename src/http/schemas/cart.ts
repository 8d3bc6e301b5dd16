import { z } from 'zod'
import { isUuid } from '../../kernel/ids.ts'
import { lineBody, quantitySchema, skuSchema } from './checkout.ts'

/** A guest's own name for their cart. */
const cartIdHeader = z
  .string()
  .toLowerCase()
  .refine(isUuid, 'Must be a UUID')
  .describe('names the cart of a guest; a UUID that the client makes')

export const cartHeaders = z.looseObject({ 'x-cart-id': cartIdHeader.optional() })

export const addBody = lineBody

export const setBody = z.strictObject({
  sku: skuSchema.optional().describe('optional; must equal the SKU of the path'),
  quantity: quantitySchema,
})

export const cartSchema = z.object({
  items: z.array(
    z.object({
      sku: z.string(),
      title: z.string(),
      quantity: z.int(),
      price: z.int().describe('present price of one unit, in minor units'),
      available: z.int().describe('units that can be bought now'),
    }),
  ),
  total: z.int().nullable().describe('in minor units; null when the lines have several currencies'),
  currency: z.string().nullable(),
  expiresAt: z.iso
    .datetime()
    .nullable()
    .describe('when the cart expires unless somebody uses it; null for an empty cart'),
})
