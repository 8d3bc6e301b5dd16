/** Posts commands that were born in PostgreSQL to their mailboxes: at least once, until the actor closes them. */
import type { PipelinedConnection } from '../../platform/postgres/pipeline.ts'
import type { RedisClient } from '../../platform/redis/client.ts'
import { channels, partitionKeys, skuKeys } from '../protocol/keys.ts'
import {
  type Command,
  type CommandKind,
  encodeCommand,
  encodeCommands,
} from '../protocol/messages.ts'
import { partitionOf } from '../protocol/partition.ts'
import { type PostReply, postCommand, wantGate } from './scripts.ts'

export interface StockCommand extends Command {
  readonly sku: string
}

/** Commands that one pass posts again, at most. */
const perPass = 2_000
/** Commands of one entry, at most. */
const perEntry = 100

/**
 * Appends one command to its SKU's mailbox. A SKU without a gate gets one asked for; the command waits
 * in PostgreSQL meanwhile. Rejects when Redis is away: the owner posts it again.
 */
export async function postStockCommand(
  redis: RedisClient,
  command: StockCommand,
): Promise<PostReply> {
  const { sku } = command
  const encoded = encodeCommand(command)
  const take = unitsTaken(command)
  const reply = await post(redis, sku, take, encoded)
  // The gate has too few. The ledger may have more by then, but those are not taken at the gate: it takes none.
  return reply.tag === 'short'
    ? post(redis, sku, 0, encodeCommand({ ...command, short: true }))
    : reply
}

/**
 * As {@link postStockCommand}, any number: those of one SKU that take no free units become one entry.
 */
export async function postStockCommands(
  redis: RedisClient,
  commands: readonly StockCommand[],
): Promise<void> {
  const taking = commands.filter((command) => unitsTaken(command) > 0)
  const others = commands.filter((command) => unitsTaken(command) === 0)
  const posting: Promise<unknown>[] = taking.map((command) => postStockCommand(redis, command))
  for (const [sku, group] of Map.groupBy(others, (command) => command.sku)) {
    for (let i = 0; i < group.length; i += perEntry) {
      posting.push(post(redis, sku, 0, encodeCommands(group.slice(i, i + perEntry))))
    }
  }
  await Promise.all(posting)
}

async function post(
  redis: RedisClient,
  sku: string,
  take: number,
  command: string,
): Promise<PostReply> {
  const partition = partitionOf(sku)
  const keys = partitionKeys(partition)
  const wake = channels.wake(partition)
  const reply = await postCommand(
    redis,
    { ...keys, ...skuKeys(partition, sku) },
    { sku, wake, take, command },
  )
  if (reply.tag === 'missing') await wantGate(redis, keys, { sku, wake })
  return reply
}

/**
 * Free units that a command takes away. They are taken at the gate, in the script that appends the
 * command, so that nobody is granted them meanwhile.
 */
function unitsTaken({ kind, units }: StockCommand): number {
  if (units === null) return 0
  if (kind === 'restock') return Math.max(0, -units)
  return kind === 'reclaim' ? units : 0
}

/** Posts again what is still open a second after it was written, but nothing for the SKUs of `except`. */
export async function postOpenCommands(
  redis: RedisClient,
  connection: PipelinedConnection,
  partition: number,
  except: readonly string[],
): Promise<void> {
  const rows = await connection.query({
    name: 'open-commands',
    text: `select id, sku, kind, checkout_id, units from stock_commands
      where partition = $1 and done_at is null and created_at < now() - interval '1 second'
        and sku <> all($2::text[])
      order by created_at limit ${perPass}`,
    values: [partition, except],
  })
  const commands = rows.map(
    (row): StockCommand => ({
      id: row.id as string,
      sku: row.sku as string,
      kind: row.kind as CommandKind,
      checkoutId: row.checkout_id as string | null,
      units: row.units as number | null,
    }),
  )
  await postStockCommands(redis, commands)
}
