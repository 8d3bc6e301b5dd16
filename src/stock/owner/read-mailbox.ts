import type { SkuState } from '../decide/state.ts'
import type { Mailbox } from '../ports.ts'
import type { Entry } from '../protocol/messages.ts'

/** Entries of one SKU in one pass, at most; an entry holds the checkouts that one API process had waiting. */
export const entriesPerPass = 64
/** As many, where each of them holds commands only: a hundred at most, and those of a sweep do. */
const commandsPerPass = 100

/** The mailbox does not go on where the ledger stands: Redis lost something, and the gate must be rebuilt. */
export class MailboxGap extends Error {
  override name = 'MailboxGap'
}

/**
 * Reads what follows each state's cursor, up to a hole, all in one round trip. The owner calls it with every pass, and
 * a rebuild. @throws MailboxGap when the hole is right behind the cursor.
 */
export async function readMailboxes(
  mailbox: Pick<Mailbox, 'read'>,
  partition: number,
  states: readonly SkuState[],
): Promise<Entry[][]> {
  if (states.length === 0) return []
  const read = await readAfter(mailbox, partition, states, entriesPerPass)
  const crowded = states.filter((_, i) => isCrowd(read[i] ?? []))
  if (crowded.length === 0) return read
  // The releases of a sweep come in entries of their own: ten thousand at once must not take hundreds of commits.
  const more = await readAfter(mailbox, partition, crowded, commandsPerPass)
  return states.map((state, i) => {
    const at = crowded.indexOf(state)
    return at < 0 ? (read[i] ?? []) : (more[at] ?? []).slice(0, commandsIn(more[at] ?? []))
  })
}

function isCrowd(entries: readonly Entry[]): boolean {
  return entries.length === entriesPerPass && commandsIn(entries) === entries.length
}

/** How many entries hold one command, up to the first that holds reserves. */
function commandsIn(entries: readonly Entry[]): number {
  const other = entries.findIndex(({ messages }) => messages[0]?.kind === 'reserve')
  return other < 0 ? entries.length : other
}

async function readAfter(
  mailbox: Pick<Mailbox, 'read'>,
  partition: number,
  states: readonly SkuState[],
  countMax: number,
): Promise<Entry[][]> {
  const read = await mailbox.read(partition, states, countMax)
  return states.map((state, i) => {
    const entries = read[i] ?? []
    const { generation, cursor } = state
    const hole = entries.findIndex(
      (entry, at) => entry.generation !== generation || entry.seq !== cursor + 1 + at,
    )
    // What stands before the hole was accepted, and can be committed: the next read begins at the hole.
    if (hole > 0) return entries.slice(0, hole)
    const [first] = entries
    if (hole === 0 && first) {
      throw new MailboxGap(
        `${state.sku}: the mailbox goes on at ${first.generation}-${first.seq}, the ledger expects ${generation}-${cursor + 1}`,
      )
    }
    return entries
  })
}
