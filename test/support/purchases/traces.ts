/** What a request or a batch leaves behind in PostgreSQL: equal before and after means that it left nothing. */
import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import { sql } from '../../../src/platform/postgres/pool.ts'

const Lengths = z.record(z.string(), z.number())

/** The number of rows of everything that a purchase writes until it is paid. Compare it whole. */
export const rowCounts = (q: CommonQueryMethods) =>
  q.one(sql.type(Lengths)`
    select (select count(*) from orders) as orders,
      (select count(*) from order_lines) as lines, (select count(*) from stock_commands) as commands,
      (select count(*) from buyer_units) as counts`)

/** Every row that a batch of a SKU's owner may write, with all that it says. Compare it whole. */
export const everyRow = (q: CommonQueryMethods) =>
  q.one(sql.type(z.object({ rows: z.unknown() }))`
    select jsonb_build_array(
      (select jsonb_agg(l order by sku) from ledger l),
      (select jsonb_agg(o order by id) from orders o),
      (select jsonb_agg(n order by order_id, sku) from order_lines n),
      (select jsonb_agg(b order by pool, buyer_id) from buyer_units b),
      (select jsonb_agg(s order by id) from stock_commands s)) as rows`)

const Writes = z.object({ statements: z.number(), rows: z.number() })

/** How many orders there are, and how many transactions wrote them last. */
export const writesOfOrders = (q: CommonQueryMethods) =>
  q.one(sql.type(Writes)`
    select count(distinct xmin::text) as statements, count(*) as rows from orders`)

const Open = z.object({ idle: z.number(), locks: z.number() })

/**
 * Transactions that stand open and do nothing, and locks on the rows of purchases, of all but the one who asks. Of this
 * database: the tables of others that were copied from the same template have the same ids.
 */
export const openTransactions = (q: CommonQueryMethods) =>
  q.one(sql.type(Open)`
    select (select count(*) from pg_stat_activity where datname = current_database()
        and state like 'idle in transaction%') as idle,
      (select count(*) from pg_locks l join pg_class c on c.oid = l.relation
        where l.database = (select oid from pg_database where datname = current_database())
          and c.relname in ('payments', 'orders', 'payment_attempts', 'ledger')
          and l.mode in ('RowExclusiveLock', 'RowShareLock') and l.pid <> pg_backend_pid()) as locks`)
