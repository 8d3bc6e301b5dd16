/** Which words of the vocabulary a typed word may mean. */

/** Letters that may be wrong in a word of this length. */
function slipsAllowed(length: number): number {
  if (length < 3) return 0
  if (length < 5) return 1
  return length < 9 ? 2 : 3
}

/** At most that many readings of one word. */
const readingsMax = 4

/**
 * Of `candidates`, those that are closest to `typed`, all equally close; none when even the closest has
 * more slips than a word of this length may have.
 */
export function closestWords(typed: string, candidates: readonly string[]): string[] {
  const measured = candidates.map((word) => ({ word, slips: slipsBetween(typed, word) }))
  const fewest = Math.min(...measured.map(({ slips }) => slips))
  if (fewest > slipsAllowed(typed.length)) return []
  return measured
    .filter(({ slips }) => slips === fewest)
    .map(({ word }) => word)
    .slice(0, readingsMax)
}

/** Letters to add, leave out, change, or swap with their neighbour, to make one word of the other. */
export function slipsBetween(one: string, other: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: other.length + 1 }, (_, i) => i)
  for (let i = 1; i <= one.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= other.length; j += 1) {
      const same = one[i - 1] === other[j - 1]
      let least = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + (same ? 0 : 1),
      )
      const swapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]
      if (swapped) least = Math.min(least, (beforeLast[j - 2] as number) + 1)
      row.push(least)
    }
    beforeLast = last
    last = row
  }
  return last[other.length] as number
}
