/**
 * What may stand in a mailbox, and how it is written there.
 *
 * Workers and API processes of two releases run side by side while one replaces the other, so every
 * entry has a version: its field `v`, and 1 without it. Whatever changes what an entry means is a
 * new version: another kind, another field, a field that is read differently. To go from version N
 * to N+1:
 *
 * 1. A release learns to read N+1 ({@link versionsRead}) and still writes N. Record what N+1 looks like in
 *    test/fixtures/mailbox-entries.json. Roll this release out everywhere.
 * 2. The next release writes N+1: the scripts in lua/stock append `v`.
 * 3. A later release may forget N: mailboxes hold seconds, not days.
 *
 * Should somebody hurry, nothing is lost: a worker leaves a SKU alone whose mailbox goes on with a
 * version that it does not read, until a worker of the newer release takes over. The id of an
 * entry, `<generation>-<seq>`, and the field `v` mean the same in all versions.
 */
import { assert } from '../../kernel/assert.ts'

/** The versions of mailbox entries that this release reads. It writes version 1. */
export const versionsRead: readonly number[] = [1]

/**
 * What the gate promised its buyers: it travels with every admission, so that no later edit changes
 * it.
 */
export interface Terms {
  /** Minor units for one unit of the SKU. */
  readonly price: number
  readonly currency: string
  readonly title: string
  readonly sellerId: string | null
  /** Whose limit the units count against: a sale's id, or null where there is no limit. */
  readonly pool: string | null
  /** Units per buyer in the pool. */
  readonly limit: number | null
}

/** For a commit, which writes each offer once: whether both promise the same. Never throws. */
export function sameTerms(a: Terms, b: Terms): boolean {
  if (a === b) return true
  return (
    a.price === b.price &&
    a.currency === b.currency &&
    a.title === b.title &&
    a.sellerId === b.sellerId &&
    a.pool === b.pool &&
    a.limit === b.limit
  )
}

/**
 * One granted admission: the gate has taken the units, and the owner keeps them or turns it down.
 */
export interface Reserve {
  readonly kind: 'reserve'
  readonly checkoutId: string
  readonly buyerId: string
  readonly units: number
  /** Null for a part: the checkout over several SKUs has its key in its own row. */
  readonly key: string | null
  /** Empty for a part, as it has no key. */
  readonly fingerprint: string
  /** How many parts its checkout has, this one included. */
  readonly parts: number
  readonly terms: Terms
}

/** What a command does; each has a file of its own in `decide/`. */
export type CommandKind = 'release' | 'sell' | 'return' | 'restock' | 'reclaim'

/**
 * A command born in PostgreSQL (`stock_commands`): posted at least once, applied once. `units` is
 * units of stock, for a restock negative when they leave; of a return null for all that are left; else
 * null where the kind needs none.
 */
export interface Command {
  readonly kind: CommandKind
  readonly id: string
  readonly checkoutId: string | null
  readonly units: number | null
  /** The gate had too few units for it: it takes none, whatever is free by now. */
  readonly short?: boolean
}

/** A command with the SKU whose mailbox it belongs to. */
export interface StockCommand extends Command {
  readonly sku: string
}

/**
 * One entry of a mailbox, as an owner reads it. Its messages are applied in their order, all or
 * none.
 */
export interface Entry {
  readonly generation: number
  readonly seq: number
  /** Units the gate had granted, ever, after this entry. */
  readonly granted: number
  readonly messages: readonly (Reserve | Command)[]
}

/**
 * An entry of a version that is not among {@link versionsRead}: where it stands is all that is
 * known of it.
 */
export interface UnreadEntry {
  readonly generation: number
  readonly seq: number
  readonly version: number
}

/** What a reader of a mailbox gets for one entry. */
export type Delivered = Entry | UnreadEntry

/**
 * For readers of mailboxes: whether this release can read the entry. A reader stops before the
 * first that it cannot. Never throws.
 */
export function isRead(entry: Delivered): entry is Entry {
  return (entry as Entry).messages !== undefined
}

/**
 * For the log of a worker, and for the guarantees: one sentence on a mailbox that waits for a newer
 * release, with what to do about it. Never throws.
 */
export function aboutUnread(sku: string, { generation, seq, version }: UnreadEntry): string {
  return `${sku}: its mailbox waits at entry ${generation}-${seq}, which has version ${version}, and this release reads ${versionsRead.join(', ')}: finish the roll-out of the newer release`
}

/**
 * For RedisGates: one admission as JSON, for the gate's script to join with others. A part, without
 * a key, says of how many (`parts`) it is one. `units` are units of stock. Checks nothing, never
 * throws.
 */
export function encodeReserve(
  checkoutId: string,
  buyerId: string,
  units: number,
  key: string | null,
  fingerprint: string,
  parts = 1,
): string {
  const tail =
    key === null ? `null,${parts}` : `${JSON.stringify(key)},${JSON.stringify(fingerprint)}`
  return `["${checkoutId}","${buyerId}",${units},${tail}]`
}

/**
 * For RedisGates: one command as JSON, as the gate's script puts it into a mailbox entry of its
 * own; {@link decodeEntry} reads it again. Checks nothing, never throws.
 */
export function encodeCommand(command: Command): string {
  return JSON.stringify(rowOf(command))
}

/**
 * As {@link encodeCommand}, several commands of one SKU in one entry; they are carried out in their
 * order. Never throws.
 */
export function encodeCommands(commands: readonly Command[]): string {
  return JSON.stringify(commands.map(rowOf))
}

const rowOf = ({ kind, id, checkoutId, units, short }: Command): CommandRow =>
  short ? [kind, id, checkoutId, units, true] : [kind, id, checkoutId, units]

/** The last one is the fingerprint that goes with a key, else the number of parts. */
type ReserveRow = [string, string, number, string | null, string | number]
type CommandRow = [CommandKind, string, string | null, number | null, true?]

/** A stream entry as Redis returns it: its id, and names and values in turn. */
export type StreamEntry = readonly [id: string, fields: readonly string[]]

/**
 * For mailboxes and the guarantees: reads one stream entry. @throws AssertionError, SyntaxError or
 * TypeError on anything that the gate's scripts do not write.
 */
export function decodeEntry([id, fields]: StreamEntry): Delivered {
  const [generation, seq] = id.split('-').map(Number) as [number, number]
  const values: Record<string, string> = {}
  for (let i = 0; i < fields.length; i += 2) values[fields[i] as string] = fields[i + 1] as string
  if (values.v !== undefined) {
    const version = Number(values.v)
    assert(
      Number.isSafeInteger(seq) && Number.isSafeInteger(version) && version > 0,
      `mailbox entry ${id} is malformed`,
    )
    if (!versionsRead.includes(version)) return { generation, seq, version }
  }
  const body = JSON.parse(values.b as string)
  const granted = Number(values.g)
  assert(
    Number.isSafeInteger(seq) && Number.isSafeInteger(granted),
    `mailbox entry ${id} is malformed`,
  )
  if (values.k === 'command') {
    const rows = (Array.isArray(body[0]) ? body : [body]) as CommandRow[]
    const commands = rows.map(
      ([kind, commandId, checkoutId, units, short]): Command => ({
        kind,
        id: commandId,
        checkoutId,
        units,
        ...(short ? { short } : {}),
      }),
    )
    return { generation, seq, granted, messages: commands }
  }
  assert(values.k === 'reserve', `mailbox entry ${id} has the unknown kind ${values.k}`)
  const terms = JSON.parse(values.t as string) as Terms
  const messages = (body as ReserveRow[]).map(
    ([checkoutId, buyerId, units, key, last]): Reserve => ({
      kind: 'reserve',
      checkoutId,
      buyerId,
      units,
      key,
      fingerprint: key === null ? '' : String(last),
      parts: key === null ? Number(last) : 1,
      terms,
    }),
  )
  return { generation, seq, granted, messages }
}
