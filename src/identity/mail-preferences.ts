/** Which mails an account gets, and in which language. */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { AppError } from '../kernel/errors.ts'
import { sql } from '../platform/postgres/pool.ts'

/** When a seller hears of sales: with each of them, or of all of a day together. */
export const saleMails = ['each', 'daily'] as const

const Row = z.object({ locale: z.string().nullable(), sales: z.enum(saleMails) })
/** `locale` is null for an account that has named no language. */
export type MailPreferences = z.infer<typeof Row>

/** The part of identity that knows of mails. */
export interface MailPreferring {
  /**
   * For PATCH /api/me/mails: sets what is not null, and answers what is set afterwards. @throws AppError
   * `unauthenticated` when the account is gone; else PostgreSQL's errors.
   */
  preferMails(
    accountId: string,
    wish: { readonly locale: string | null; readonly sales: MailPreferences['sales'] | null },
  ): Promise<MailPreferences>
}

/** Builds it for {@link Identity}. */
export function createMailPreferring(pool: DatabasePool): MailPreferring {
  return {
    async preferMails(accountId, { locale, sales }) {
      const row = await pool.maybeOne(sql.type(Row)`
        update accounts set locale = coalesce(${locale}, locale), sale_mails = coalesce(${sales}, sale_mails)
         where id = ${accountId} and erased_at is null
        returning locale, sale_mails as sales`)
      if (!row) throw new AppError('unauthenticated', 'This account no longer exists.')
      return row
    },
  }
}
