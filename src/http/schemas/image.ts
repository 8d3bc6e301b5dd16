import { z } from 'zod'
import { imageLimits, imageTypeNames } from '../../images/image-limits.ts'
import { imageStatuses } from '../../images/image-repository.ts'

export const announceBody = z.strictObject({
  contentType: z.enum(imageTypeNames),
  bytes: z.int().min(1).max(imageLimits.bytes).describe('exact length of the file in bytes'),
})

export const imageSchema = z.object({
  id: z.uuid(),
  status: z
    .enum(imageStatuses)
    .describe('pending (not uploaded yet) → processing → ready; or refused, with a reason'),
  reason: z
    .string()
    .nullable()
    .describe(
      'not_an_image, wrong_type, wrong_length, too_many_pixels, damaged, too_slow or not_processable',
    ),
  contentType: z.string(),
  bytes: z.int(),
  width: z.int().nullable(),
  height: z.int().nullable(),
  sizes: z
    .array(z.object({ width: z.int(), url: z.string() }))
    .describe('empty until the image is ready'),
})

export const uploadSchema = z.object({
  url: z.string(),
  method: z.literal('PUT'),
  headers: z.record(z.string(), z.string()).describe('send exactly these headers'),
  expiresAt: z.iso.datetime(),
})

export const imageParams = z.object({
  id: z.string().max(200).describe('id or slug of the product'),
  imageId: z.uuid().toLowerCase(),
})
