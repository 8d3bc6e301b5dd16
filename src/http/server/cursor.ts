/** Opaque marks of where the next page of a list begins. */
import type { z } from 'zod'
import { AppError } from '../../kernel/errors.ts'

/** Hides the sort values of a page's last item in a text. */
export function writeCursor(values: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(values)).toString('base64url')
}

/** What {@link writeCursor} hid, or null without a cursor. Throws `validation_failed` for anything else. */
export function readCursor<T>(schema: z.ZodType<T>, cursor: string | undefined): T | null {
  if (cursor === undefined) return null
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')))
  } catch {
    throw new AppError('validation_failed', 'The cursor does not belong to this list.', {
      errors: [{ path: 'cursor', message: 'Must be a nextCursor of this list' }],
    })
  }
}
