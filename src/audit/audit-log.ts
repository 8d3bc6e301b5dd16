/** Who changed what: written with the change, never changed afterwards (the database refuses it). */
import type { CommonQueryMethods, DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'

export interface AuditActor {
  readonly id: string
  readonly role: string
}

export interface AuditEntry {
  /** Null: the system itself. */
  readonly actor: AuditActor | null
  /** What happened, as `noun.verb`: `stock.changed`. */
  readonly action: string
  /** What it happened to, as `kind:id`: `sku:MUG-1`. */
  readonly subject: string
  readonly details?: Readonly<Record<string, unknown>>
}

/** Writes what happened in the transaction that makes it happen. */
export async function appendAudit(
  tx: DatabaseTransactionConnection,
  ...entries: readonly AuditEntry[]
): Promise<void> {
  if (entries.length === 0) return
  const rows = entries.map(({ actor, action, subject, details = {} }) => [
    actor?.id ?? null,
    actor?.role ?? null,
    action,
    subject,
    JSON.stringify(details),
  ])
  await tx.query(sql.typeAlias('none')`
    insert into audit_log (actor_id, actor_role, action, subject, details)
    select * from ${sql.unnest(rows, ['uuid', 'text', 'text', 'text', 'jsonb'])}`)
}

const Row = z.object({
  number: z.number(),
  id: z.string(),
  at: z.date(),
  actor_id: z.string().nullable(),
  actor_role: z.string().nullable(),
  action: z.string(),
  subject: z.string(),
  details: z.record(z.string(), z.unknown()),
})

export interface AuditRecord extends Required<AuditEntry> {
  /** In the order of writing. */
  readonly number: number
  readonly id: string
  readonly at: string
}

/** The newest first; `before` is the number of the last one seen, `subject` narrows to one thing. */
export async function readAudit(
  pool: DatabasePool,
  page: {
    readonly limit: number
    readonly before: number | null
    readonly subject: string | null
  },
): Promise<readonly AuditRecord[]> {
  const { limit, before, subject } = page
  const about = subject === null ? sql.fragment`true` : sql.fragment`subject = ${subject}`
  const older = before === null ? sql.fragment`true` : sql.fragment`number < ${before}`
  const rows = await pool.any(sql.type(Row)`
    select number, id, at, actor_id, actor_role, action, subject, details from audit_log
     where ${about} and ${older} order by number desc limit ${limit}`)
  return rows.map(({ number, id, at, actor_id, actor_role, action, subject: of, details }) => ({
    number,
    id,
    at: at.toISOString(),
    actor: actor_id === null ? null : { id: actor_id, role: actor_role ?? '' },
    action,
    subject: of,
    details,
  }))
}

/** How far back {@link noteRefusedStock} looks: longer than it may not have run. */
const lookBackHours = 48

/**
 * Writes down which changes of stock the ledger refused: the seller was told 202 before anybody knew. Once
 * for each, however often it runs; returns how many were new.
 */
export async function noteRefusedStock(db: CommonQueryMethods): Promise<number> {
  const noted = await db.query(sql.typeAlias('none')`
    insert into audit_log (action, subject, details, once)
    select 'stock.refused', 'sku:' || c.sku,
        jsonb_build_object('commandId', c.id, 'delta', c.units, 'outcome', c.outcome), 'stock.refused:' || c.id
      from stock_commands c
     where c.kind = 'restock' and c.done_at > now() - make_interval(hours => ${lookBackHours})
       and c.outcome <> 'restocked'
    on conflict (once) do nothing`)
  return noted.rowCount
}
