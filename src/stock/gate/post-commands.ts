/**
 * Posts commands that were born in PostgreSQL to their mailboxes: at least once, until the owner
 * closes them.
 */
import type { GateStore, LedgerStore, PostReply } from '../ports.ts'
import type { StockCommand } from '../protocol/messages.ts'

/** What posting needs of the gates. */
export type PostGates = Pick<GateStore, 'post' | 'want'>

/** Commands that one pass posts again, at most. */
const perPass = 2_000
/** Commands of one entry, at most. */
const perEntry = 100

/**
 * For {@link postStockCommands}: appends one command to its SKU's mailbox. If the SKU has no gate,
 * it asks for one, and the command waits in the ledger. Answers what the gate said last. Rejects
 * when the gates are away: the owner posts it again.
 */
export async function postStockCommand(
  gates: PostGates,
  command: StockCommand,
): Promise<PostReply> {
  const reply = await post(gates, command.sku, unitsTaken(command), [command])
  // The gate has too few. The ledger may have more by then, but those are not taken at the gate: it takes none.
  return reply.tag === 'short' ? post(gates, command.sku, 0, [{ ...command, short: true }]) : reply
}

/**
 * As {@link postStockCommand}, any number, for the flows that have just committed them and for the
 * owner: those of one SKU that take no free units share entries. Rejects with the first that fails.
 */
export async function postStockCommands(
  gates: PostGates,
  commands: readonly StockCommand[],
): Promise<void> {
  const taking = commands.filter((command) => unitsTaken(command) > 0)
  const others = commands.filter((command) => unitsTaken(command) === 0)
  const posting: Promise<unknown>[] = taking.map((command) => postStockCommand(gates, command))
  for (const [sku, group] of Map.groupBy(others, (command) => command.sku)) {
    for (let i = 0; i < group.length; i += perEntry) {
      posting.push(post(gates, sku, 0, group.slice(i, i + perEntry)))
    }
  }
  await Promise.all(posting)
}

async function post(
  gates: PostGates,
  sku: string,
  take: number,
  commands: readonly StockCommand[],
): Promise<PostReply> {
  const reply = await gates.post(sku, take, commands)
  if (reply.tag === 'missing') await gates.want(sku)
  return reply
}

/**
 * Free units that a command takes away. They are taken at the gate, in the step that appends the
 * command, so that nobody is granted them meanwhile.
 */
function unitsTaken({ kind, units }: StockCommand): number {
  if (units === null) return 0
  if (kind === 'restock') return Math.max(0, -units)
  return kind === 'reclaim' ? units : 0
}

/**
 * Posts again what is still open a second after it was written, but nothing for the SKUs of
 * `except`, 2,000 commands at most. The owner calls it when it tends a partition. Rejects when a
 * store is away.
 */
export async function postOpenCommands(
  gates: PostGates,
  ledger: Pick<LedgerStore, 'openCommands'>,
  partition: number,
  except: readonly string[],
): Promise<void> {
  await postStockCommands(gates, await ledger.openCommands(partition, except, perPass))
}
