/** How the way from the simulator to the shop misbehaves, as a script sets it. */
import { z } from 'zod'
import { limits } from './limits.ts'
import { eventTypes } from './records.ts'

const delay = z.int().min(0).max(limits.latencyMs)
const rate = z.number().min(0).max(1)

export const rangeMs = z
  .strictObject({ minMs: delay, maxMs: delay })
  .refine(({ minMs, maxMs }) => minMs <= maxMs, 'minMs must not be above maxMs')

export const webhookBehaviour = z.strictObject({
  /** Further copies of each event, one after the other. */
  duplicates: z.int().min(0).max(10).default(0),
  /** How many of all events are duplicated. */
  duplicateRate: rate.default(1),
  /** Waited before an event is sent. */
  delay: rangeMs.default({ minMs: 0, maxMs: 0 }),
  /** Events are held until there are so many, then sent one by one, the last first. 0: as they come. */
  reorder: z.int().min(0).max(1_000).default(0),
  /** So many of the next events are lost for good. */
  dropNext: z.int().min(0).max(1_000_000).default(0),
  /** How many of all events are lost for good. */
  dropRate: rate.default(0),
  /** Nothing is sent until it is asked for. */
  hold: z.boolean().default(false),
  /** Which events it is about; the others are sent as they come. */
  types: z.array(z.enum(eventTypes)).max(eventTypes.length).optional(),
})

export type WebhookBehaviour = z.infer<typeof webhookBehaviour>
export const wellBehaved: WebhookBehaviour = webhookBehaviour.parse({})
