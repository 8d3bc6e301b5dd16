/** Messages, entries and ledger states as the stock domain knows them: valid by default, override what matters. */
import { randomUUID } from 'node:crypto'
import {
  type Decision,
  type Evidence,
  type Hold,
  noEvidence,
  type SkuState,
} from '../../src/stock/decide/state.ts'
import type {
  Command,
  CommandKind,
  Entry,
  Reserve,
  Terms,
} from '../../src/stock/protocol/messages.ts'

const someTerms: Terms = {
  price: 1_000,
  currency: 'EUR',
  title: 'A thing',
  sellerId: null,
  pool: null,
  limit: null,
}

/** Terms under a limit of so many units per buyer. */
export function limitedTerms(limit: number, pool = 'pool-1'): Terms {
  return { ...someTerms, pool, limit }
}

/** A ledger row with all units free. */
export function aState(onHand: number, over: Partial<SkuState> = {}): SkuState {
  return {
    sku: 'SKU-1',
    onHand,
    free: onHand,
    setAside: 0,
    held: 0,
    sold: 0,
    granted: 0,
    generation: 1,
    cursor: 0,
    ...over,
  }
}

export function aReserve(over: Partial<Reserve> = {}): Reserve {
  return {
    kind: 'reserve',
    checkoutId: randomUUID(),
    buyerId: randomUUID(),
    units: 1,
    key: randomUUID(),
    fingerprint: 'SKU-1*1',
    parts: 1,
    terms: someTerms,
    ...over,
  }
}

export function aCommand(kind: CommandKind, over: Partial<Command> = {}): Command {
  return { kind, id: randomUUID(), checkoutId: null, units: null, ...over }
}

/** One entry for each list of messages, following `state` without a gap. */
export function entriesAfter(
  state: SkuState,
  ...lists: readonly (readonly (Reserve | Command)[])[]
): Entry[] {
  let { granted } = state
  return lists.map((messages, i) => {
    for (const message of messages) if (message.kind === 'reserve') granted += message.units
    return { generation: state.generation, seq: state.cursor + 1 + i, granted, messages }
  })
}

export function evidenceOf(over: Partial<Evidence> = {}): Evidence {
  return { ...noEvidence, ...over }
}

/** Evidence in which the commands are open and the holds are known. */
export function openEvidence(
  commands: readonly Command[],
  holds: readonly Hold[] = [],
  over: Partial<Evidence> = {},
): Evidence {
  return evidenceOf({
    openCommands: new Set(commands.map(({ id }) => id)),
    holds: new Map(holds.map((hold) => [hold.checkoutId, hold])),
    ...over,
  })
}

export function holdOf(reserve: Reserve, state: Hold['state'] = 'held'): Hold {
  const { checkoutId, buyerId, units, terms } = reserve
  return { checkoutId, buyerId, units, pool: terms.pool, state }
}

export const outcomesOf = (decision: Decision): string[] =>
  decision.closed.map(({ outcome }) => outcome)

export const reasonsOf = (decision: Decision): string[] =>
  decision.rejected.map(({ reason }) => reason)
