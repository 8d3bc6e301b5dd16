/** How long a partition lets commands come before its next pass. Lanes ask it after each pass. */
import type { Found } from './actor.ts'

/** Arrivals in one pass that make a crowd. */
const crowd = 24
const gatherAtLeastMs = 6
const gatherAtMostMs = 20
/**
 * The same for parts: whoever gathers them holds up what other partitions have done their part of.
 */
const crowdOfParts = 16
const gatherPartsMs = 3

/**
 * For a lane: how long a partition gathers after a pass, from 0 to 20 milliseconds. A commit
 * costs much the same for ten commands as for a hundred. A lone command never waits. The larger the
 * crowd, the longer: an eighth of a millisecond for each, and no fixed time, because a crowd whose
 * every member waits for its commit does not grow meanwhile. Never throws. (PostgreSQL's
 * `commit_delay` with `commit_siblings` does the same.)
 */
export function gatherMs({ arrivals, parts }: Omit<Found, 'anything'>): number {
  if (parts) return arrivals < crowdOfParts ? 0 : gatherPartsMs
  if (arrivals < crowd) return 0
  return Math.min(Math.max(arrivals / 8, gatherAtLeastMs), gatherAtMostMs)
}
