import { z } from 'zod'
import { skuSchema } from './checkout.ts'

const details = {
  name: z
    .string()
    .trim()
    .min(1)
    .max(100)
    .regex(/^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u, 'Control characters are not allowed'),
  latitude: z.number().min(-90).max(90).nullable(),
  longitude: z.number().min(-180).max(180).nullable(),
  priority: z
    .int()
    .min(0)
    .max(10_000)
    .describe('the lowest number ships first when no distance is known'),
  online: z.boolean().describe('false: planned shipments move to another location'),
}

export const createLocationBody = z
  .strictObject({
    name: details.name,
    latitude: details.latitude.default(null),
    longitude: details.longitude.default(null),
    priority: details.priority.default(100),
    online: details.online.default(true),
  })
  .refine(({ latitude, longitude }) => (latitude === null) === (longitude === null), {
    path: ['latitude'],
    message: 'Send both latitude and longitude, or neither',
  })

export const changeLocationBody = z.strictObject(details).partial()

export const locationStockBody = z.strictObject({
  items: z
    .array(z.strictObject({ sku: skuSchema, units: z.int().min(0).max(1_000_000_000) }))
    .min(1)
    .max(500),
})

export const locationSchema = z.object({
  id: z.uuid(),
  ...details,
  stock: z
    .array(z.object({ sku: z.string(), units: z.int() }))
    .describe('units that no shipment needs, by SKU; 1,000 SKUs at most'),
})
