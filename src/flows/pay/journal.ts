/**
 * What the saga has done, so that a crash can be resumed. A step that calls the provider is written before
 * it and after it. A step that is one transaction of PostgreSQL is written in that transaction: it is done
 * or it never began. Reserving and ordering are the actor's commit, which needs no journal.
 */
import type { CommonQueryMethods } from 'slonik'
import { sql } from '../../platform/postgres/pool.ts'

/** `reclaim`: units are taken again for money that came late. */
export type Step = 'charge' | 'confirm' | 'fulfil' | 'reclaim'

export async function startStep(
  tx: CommonQueryMethods,
  checkoutId: string,
  step: Step,
): Promise<void> {
  await tx.query(sql.typeAlias('none')`
    insert into saga_journal (checkout_id, step, state) values (${checkoutId}, ${step}, 'started')
    on conflict (checkout_id, step) do nothing`)
}

/** Ends a step in one way or the other; what has ended stays as it is. */
export async function endSteps(
  tx: CommonQueryMethods,
  checkoutId: string,
  steps: readonly Step[],
  state: 'done' | 'undone',
  detail: Readonly<Record<string, string>> = {},
): Promise<void> {
  await tx.query(sql.typeAlias('none')`
    insert into saga_journal (checkout_id, step, state, detail, ended_at)
    select ${checkoutId}, step, ${state}, ${JSON.stringify(detail)}::jsonb, now()
      from unnest(${sql.array([...steps], 'text')}) as step
    on conflict (checkout_id, step) do update
      set state = excluded.state, ended_at = excluded.ended_at, detail = saga_journal.detail || excluded.detail
     where saga_journal.state = 'started'`)
}
