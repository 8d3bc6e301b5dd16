import type { SkuState } from '../decide/state.ts'
import type { Mailbox } from '../ports.ts'
import { type Delivered, type Entry, isRead, type UnreadEntry } from '../protocol/messages.ts'

/**
 * Entries of one SKU in one pass, at most; an entry holds the checkouts that one API process had
 * waiting.
 */
export const entriesPerPass = 64
/** As many, where each of them holds commands only: a hundred at most, and those of a sweep do. */
const commandsPerPass = 100

/**
 * Thrown by the reading and settling of a pass: the mailbox does not go on where the ledger stands,
 * because Redis lost something. The owner catches it and rebuilds the partition.
 */
export class MailboxGap extends Error {
  override name = 'MailboxGap'
}

/** What follows a state's cursor, as far as an owner may apply it. */
export interface Mail {
  readonly entries: readonly Entry[]
  /**
   * The entry behind them that this release does not read. It waits, and so does all that follows
   * it.
   */
  readonly unread: UnreadEntry | undefined
}

const noMail: Mail = { entries: [], unread: undefined }

/**
 * For every pass of an owner, and for a rebuild: reads what follows each state's cursor, up to a
 * hole; one round trip, or two after a sweep. @throws MailboxGap when the hole is right behind the
 * cursor; the errors of {@link Mailbox}.
 */
export async function readMailboxes(
  mailbox: Pick<Mailbox, 'read'>,
  partition: number,
  states: readonly SkuState[],
): Promise<Mail[]> {
  if (states.length === 0) return []
  const read = await readAfter(mailbox, partition, states, entriesPerPass)
  const crowded = states.filter((_, i) => isCrowd((read[i] ?? noMail).entries))
  if (crowded.length === 0) return read
  // The releases of a sweep come in entries of their own: ten thousand at once must not take hundreds of commits.
  const more = await readAfter(mailbox, partition, crowded, commandsPerPass)
  return states.map((state, i) => {
    const at = crowded.indexOf(state)
    if (at < 0) return read[i] ?? noMail
    const { entries } = more[at] ?? noMail
    return { entries: entries.slice(0, commandsIn(entries)), unread: undefined }
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
): Promise<Mail[]> {
  const read = await mailbox.read(partition, states, countMax)
  return states.map((state, i) => mailOf(state, read[i] ?? []))
}

function mailOf({ sku, generation, cursor }: SkuState, delivered: readonly Delivered[]): Mail {
  for (const [at, entry] of delivered.entries()) {
    if (entry.generation !== generation || entry.seq !== cursor + 1 + at) {
      // What stands before the hole was accepted, and can be committed: the next read begins at the hole.
      if (at > 0) return { entries: delivered.slice(0, at) as Entry[], unread: undefined }
      throw new MailboxGap(
        `${sku}: the mailbox goes on at ${entry.generation}-${entry.seq}, the ledger expects ${generation}-${cursor + 1}`,
      )
    }
    if (!isRead(entry)) return { entries: delivered.slice(0, at) as Entry[], unread: entry }
  }
  return { entries: delivered as readonly Entry[], unread: undefined }
}
