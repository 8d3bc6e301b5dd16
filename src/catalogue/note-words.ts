import type { DatabasePool } from 'slonik'
import { sql } from '../platform/postgres/pool.ts'

/**
 * Puts the words of up to `limit` products that changed since into the vocabulary, where a query finds the
 * word that was meant. Not done with the change itself: two changes would wait for each other's words.
 * Returns how many products there were.
 */
export async function noteWords(pool: DatabasePool, limit = 1_000): Promise<number> {
  return pool.transaction(async (tx) => {
    const changed = await tx.any(sql.typeAlias('id')`
      select product_id as id from product_search where not noted
       order by product_id limit ${limit} for update skip locked`)
    if (changed.length === 0) return 0
    const ids = sql.array(
      changed.map(({ id }) => id),
      'uuid',
    )
    await tx.query(sql.typeAlias('none')`
      insert into search_words (word)
      select distinct word
        from products p
        join variants v on v.product_id = p.id and v.archived_at is null
        cross join lateral unnest(tsvector_to_array(to_tsvector('simple', search_text(concat_ws(' ',
          p.title, p.category, p.description,
          (select string_agg(value, ' ') from jsonb_each_text(v.options))))))) as word
       where p.id = any(${ids}) and length(word) between 2 and 40
       order by word
      on conflict do nothing`)
    await tx.query(sql.typeAlias('none')`
      update product_search set noted = true where product_id = any(${ids})`)
    return changed.length
  })
}
