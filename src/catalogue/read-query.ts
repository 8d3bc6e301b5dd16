import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'
import { closestWords } from './meant-words.ts'

/** For each word that was typed, the words it is read as. A product must have one of each. */
export type ReadQuery = readonly (readonly string[])[]

/** Words of a query that count, and characters of each. */
const wordsMax = 8
const lengthMax = 40
const prefixesMax = 8
const nearMax = 60

const WordRow = z.object({
  word: z.string(),
  known: z.boolean(),
  longer: z.array(z.string()),
  near: z.array(z.string()),
})

/**
 * Reads what was typed: a word that products use is meant as it is; of any other, words that begin with it,
 * else those that differ by a slip or two. One query.
 */
export async function readQuery(db: CommonQueryMethods, typed: string): Promise<ReadQuery> {
  const rows = await db.any(sql.type(WordRow)`
    with typed as (
      select word, exists (select from search_words s where s.word = t.word) as known
        from unnest(tsvector_to_array(to_tsvector('simple', search_text(${typed})))) with ordinality as t (word, place)
       order by place limit ${wordsMax}),
    begun as (
      select word, known, case when known or length(word) < 2 or length(word) > ${lengthMax} then '{}' else array(
          select s.word from search_words s where s.word like t.word || '%' order by length(s.word), s.word
           limit ${prefixesMax}) end as longer
        from typed t)
    select word, known, longer,
        case when known or cardinality(longer) > 0 or length(word) > ${lengthMax} then '{}' else array(
          select s.word from search_words s order by s.word <-> b.word limit ${nearMax}) end as near
      from begun b`)
  return rows.map(({ word, longer, near }) => [word, ...longer, ...closestWords(word, near)])
}
