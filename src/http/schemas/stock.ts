import { z } from 'zod'
import { skuSchema } from './checkout.ts'

export const skuParams = z.object({ sku: skuSchema })

const changeMax = 1_000_000

export const changeStockBody = z.strictObject({
  delta: z
    .int()
    .min(-changeMax)
    .max(changeMax)
    .refine((delta) => delta !== 0, 'Not zero')
    .describe('units to add; negative: units to remove'),
  reason: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .regex(/^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u, 'Control characters are not allowed'),
})

export const thresholdBody = z.strictObject({ units: z.int().min(0).max(changeMax) })
