import { z } from 'zod'
import { pageQuery } from './list.ts'

export const auditQuery = pageQuery.extend({
  subject: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'Control characters are not allowed')
    .optional()
    .describe('only entries about this subject, such as sku:MUG-1'),
})

export const auditSchema = z.object({
  id: z.uuid(),
  at: z.iso.datetime(),
  actor: z
    .object({ id: z.uuid(), role: z.string() })
    .nullable()
    .describe('null when the system itself acted'),
  action: z.string(),
  subject: z.string(),
  details: z.record(z.string(), z.unknown()),
})
