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

/** How a list shows its rows. */
export interface PageOptions<Row, Item> {
  /** Items of the page, at most. */
  readonly limit: number
  readonly show: (row: Row) => Item
  /** The sort values of a row, for the cursor of the page after it. */
  readonly mark: (row: Row) => readonly (string | number)[]
}

/** The answer of a list. `rows` are one more than `limit` where another page follows. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  { limit, show, mark }: PageOptions<Row, Item>,
): { items: Item[]; nextCursor: string | null } {
  const shown = rows.slice(0, limit)
  const last = rows.length > limit ? shown.at(-1) : undefined
  return { items: shown.map(show), nextCursor: last === undefined ? null : writeCursor(mark(last)) }
}
