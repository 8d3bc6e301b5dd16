/** Ledger rows that were opened through the port alone, on whichever store implements it. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { decide } from '../../../../src/stock/decide/decide.ts'
import { type Decision, noEvidence } from '../../../../src/stock/decide/state.ts'
import { commitPass } from '../../../../src/stock/owner/commit-pass.ts'
import type { LedgerStore } from '../../../../src/stock/ports.ts'
import type { CheckoutIds } from '../../../../src/stock/protocol/checkout-id.ts'
import type { Command, Reserve, StockCommand } from '../../../../src/stock/protocol/messages.ts'
import { partitionOf } from '../../../../src/stock/protocol/partition.ts'
import { aCommand, entriesAfter } from '../../../support/stock-builders.ts'

/** A ledger, and what others write into it. */
export interface LedgerWorld {
  readonly ledger: LedgerStore
  /** A second owner's, on the same rows. */
  readonly other: LedgerStore
  readonly ids: CheckoutIds
  /** Milliseconds since the epoch, by the ledger's clock. */
  now(): number
  /** Opens rows with all units free. */
  addStock(sku: string, units: number): Promise<void>
  writeCommands(commands: readonly StockCommand[]): Promise<void>
  /** Lets two seconds pass for the commands that are open. */
  age(): Promise<void>
}

/** Starts the store once; each test then has a world of its own SKUs. */
export type MakeLedgerWorld = (t: TestContext) => Promise<LedgerWorld>

/** One test of a contract. */
export type Case = (world: LedgerWorld) => Promise<void>

export const holdSeconds = 900
let count = 0
export const newSku = (): string => `LEDGER-${++count}`

/** A SKU whose gate was opened in its partition's generation, with everything free. */
export async function opened(world: LedgerWorld, units = 10) {
  const sku = newSku()
  const partition = partitionOf(sku)
  await world.addStock(sku, units)
  let { generation } = await world.ledger.partition(partition)
  if (generation === 0) {
    await world.ledger.nextGeneration(partition, 0, 1, 'a run')
    generation = 1
  }
  await world.ledger.openGates(partition, [sku], generation)
  return { sku, partition, generation, state: () => stateOf(world, sku) }
}

export async function stateOf({ ledger }: LedgerWorld, sku: string) {
  const [row] = await ledger.rows([sku])
  assert.ok(row)
  return row.state
}

/** What a pass makes of messages, each in an entry of its own. */
export async function decided(
  world: LedgerWorld,
  sku: string,
  ...messages: readonly (Reserve | Command)[]
): Promise<Decision> {
  const state = await stateOf(world, sku)
  return decide(state, entriesAfter(state, ...messages.map((one) => [one])), noEvidence)
}

/** Commits messages the way an owner does. */
export async function committed(
  world: LedgerWorld,
  sku: string,
  ...messages: readonly (Reserve | Command)[]
): Promise<Decision> {
  const state = await stateOf(world, sku)
  const entries = entriesAfter(state, ...messages.map((one) => [one]))
  const { decisions } = await commitPass(world.ledger, [{ state, entries }], holdSeconds)
  return decisions[0] as Decision
}

/** Writes a command's row; the command as it comes in an entry. */
export async function written(
  world: LedgerWorld,
  sku: string,
  ...given: Parameters<typeof aCommand>
): Promise<Command> {
  const command = aCommand(...given)
  await world.writeCommands([{ ...command, sku }])
  return command
}
