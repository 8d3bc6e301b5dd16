/**
 * Says whether the guarantees hold: 1 never oversold, 2 never undersold, 3 nothing accepted is lost, 4 one key, one
 * checkout, 6 every hold ends, 7 limits per customer. It reads the stores as values and knows none of the rules that
 * the decisions are made by.
 */
import { checkoutIds } from '../../src/stock/protocol/checkout-id.ts'
import type { PlannedSku } from './plan.ts'
import type { Receipt, Receipts } from './receipts.ts'
import { idSecret, type Stage } from './stage.ts'
import type { CheckoutRow, HoldRow } from './stores/ledger-tables.ts'
import type { GateHash } from './stores/redis-data.ts'

/** Ends that a checkout may have. */
const finalStatuses = new Set(['confirmed', 'expired', 'cancelled', 'rejected'])
/** No story rests earlier than this after its active time. */
const restMs = 1_200
/** Breaches that are told, at most. */
const breachesMax = 8

export class Judge {
  readonly breaches: string[] = []
  readonly #stage: Stage
  readonly #receipts: Receipts
  /** SKUs that were asked for at the end, with an answer. */
  readonly #served: ReadonlySet<string>
  readonly #ids

  constructor(stage: Stage, receipts: Receipts, served: ReadonlySet<string>) {
    this.#stage = stage
    this.#receipts = receipts
    this.#served = served
    this.#ids = checkoutIds(idSecret, stage.now, () => 0)
  }

  /** At any moment. */
  look(): void {
    for (const planned of this.#stage.plan.skus) {
      this.#soldAtMost(planned)
      this.#gateAtMost(planned)
    }
  }

  /** Whether nothing waits any more, for whatever. */
  get atRest(): boolean {
    const { tables, shop, plan, scheduler } = this.#stage
    if (scheduler.now < plan.activeMs + restMs || this.#unserved.length > 0) return false
    if (tables.openCommands.size + shop.undecided > 0) return false
    for (const { status } of tables.checkouts.values()) if (!finalStatuses.has(status)) return false
    return plan.skus.every((each) => this.#isIdle(each.partition) && this.#isSettled(each))
  }

  /** At the end of the story. */
  close(): void {
    this.look()
    if (!this.atRest) this.#breach(`not at rest: ${this.#whatWaits()}`)
    if (this.breaches.length > 0) return
    for (const planned of this.#stage.plan.skus) {
      this.#ledgerIsSumOfHolds(planned)
      this.#gateSellsWhatIsFree(planned)
      this.#limitsHold(planned)
    }
    for (const receipt of this.#receipts.all) this.#isKept(receipt)
    this.#keysAreUsedOnce()
    for (const row of this.#stage.tables.checkouts.values()) this.#holdsMatch(row)
    for (const { id, kind, sku, closings } of this.#stage.tables.commands.values())
      if (closings !== 1) this.#breach(`${sku}: command ${kind} ${id} was closed ${closings} times`)
  }

  /** 1: what is sold and held was on hand, counted apart from the ledger's own columns. */
  #soldAtMost({ sku, units }: PlannedSku): void {
    let taken = 0
    for (const { state, units } of this.#holdsOf(sku))
      if (state === 'held' || state === 'sold') taken += units
    const onHand = this.#onHand(sku, units)
    if (taken > onHand) this.#breach(`${sku}: oversold, ${taken} of ${onHand} units`)
  }

  /** 1: a live gate never has more to grant than the ledger has free. */
  #gateAtMost({ sku, partition }: PlannedSku): void {
    const gate = this.#liveGate(sku, partition)
    const row = this.#stage.tables.ledger.get(sku)
    if (!gate || !row || gate.generation !== row.state.generation) return
    const most = row.state.free - (gate.granted - row.state.granted)
    if (gate.units > most) this.#breach(`${sku}: the gate has ${gate.units} units, of ${most}`)
  }

  #liveGate(sku: string, partition: number): GateHash | null {
    const { redis, tables } = this.#stage
    const keys = redis.keys.get(partition)
    const { generation, runId } = tables.partition(partition)
    const state = keys?.state
    const live = state?.open && state.runId === redis.runId && state.generation === generation
    const gate = keys?.skus.get(sku)?.gate
    return live && runId === redis.runId && gate?.generation === generation ? gate : null
  }

  get #unserved(): readonly PlannedSku[] {
    const { probed, skus } = this.#stage.plan
    return probed ? skus.filter(({ sku }) => !this.#served.has(sku)) : []
  }

  #isIdle(partition: number): boolean {
    const { redis, tables } = this.#stage
    const keys = redis.keys.get(partition)
    const row = tables.partition(partition)
    if (!keys?.state?.open || keys.state.runId !== redis.runId || row.runId !== redis.runId)
      return false
    if (keys.state.generation !== row.generation || keys.ready.size > 0 || keys.wanted.size > 0)
      return false
    return true
  }

  #isSettled({ sku, partition }: PlannedSku): boolean {
    const { redis, tables } = this.#stage
    const row = tables.ledger.get(sku)
    const { gate, mailbox } = redis.keys.get(partition)?.skus.get(sku) ?? {
      gate: null,
      mailbox: [],
    }
    const { generation, cursor } = row?.state ?? {}
    // Nobody has asked for a gate that is missing: it is built when somebody does.
    if (!this.#stage.plan.probed && gate?.generation !== generation) return mailbox.length === 0
    return mailbox.length === 0 && gate?.generation === generation && gate?.settled === cursor
  }

  #whatWaits(): string {
    const { tables, shop, redis } = this.#stage
    const commands = [...tables.openCommands].map(({ kind, sku }) => `${kind} of ${sku}`)
    const rows = [...tables.checkouts.values()].filter(({ status }) => !finalStatuses.has(status))
    const checkouts = rows.map(({ id, status }) => `${id} ${status}`)
    const partitions = [...redis.keys].map(([partition, { state, ready, wanted }]) => {
      return `${partition}: ${JSON.stringify({ state, ledger: tables.partition(partition), ready: [...ready], wanted: [...wanted] })}`
    })
    const asked = this.#unserved.map(({ sku }) => `whoever asks for ${sku}`)
    return [
      ...asked,
      ...commands,
      ...checkouts,
      `${shop.undecided} late payments`,
      ...partitions,
    ].join(', ')
  }

  #ledgerIsSumOfHolds({ sku, units }: PlannedSku): void {
    const { state } = this.#stage.tables.ledger.get(sku) ?? {}
    if (!state) return
    const sums = { held: 0, sold: 0 }
    for (const { state, units } of this.#holdsOf(sku))
      if (state === 'held' || state === 'sold') sums[state] += units
    const expected = { ...sums, onHand: this.#onHand(sku, units) }
    const { held, sold, onHand, free, setAside } = state
    if (held !== expected.held || sold !== expected.sold || onHand !== expected.onHand)
      this.#breach(
        `${sku}: the ledger says ${JSON.stringify({ held, sold, onHand })}, its holds and restocks ${JSON.stringify(expected)}`,
      )
    if (free !== onHand - held - sold - setAside) this.#breach(`${sku}: units do not balance`)
  }

  /** 2: at rest the gate has to grant what is free, and counts its buyers as the ledger does. */
  #gateSellsWhatIsFree({ sku, partition }: PlannedSku): void {
    const { redis, tables } = this.#stage
    const row = tables.ledger.get(sku)
    if (!row || row.state.generation === 0) return
    const keys = redis.keys.get(partition)?.skus.get(sku)
    const { gate, buyers = new Map<string, number>() } = keys ?? {}
    if (!this.#stage.plan.probed && gate?.generation !== row.state.generation) return
    if (gate?.units !== row.state.free || gate.granted !== row.state.granted)
      this.#breach(`${sku}: the gate has ${gate?.units} units, and ${row.state.free} are free`)
    if (gate?.pool === '') return
    const counted = [...tables.buyerUnits.values()].filter(({ pool }) => pool === gate?.pool)
    for (const { buyerId, units } of counted)
      if ((buyers.get(buyerId) ?? 0) !== units)
        this.#breach(`${sku}: the gate counts ${buyers.get(buyerId)} for ${buyerId}, not ${units}`)
    for (const [buyer, units] of buyers)
      if (!counted.some(({ buyerId }) => buyerId === buyer))
        this.#breach(`${sku}: the gate counts ${units} for ${buyer}, who has none`)
  }

  /** 7 */
  #limitsHold({ sku, limit }: PlannedSku): void {
    if (limit === null) return
    const sums = new Map<string, number>()
    for (const { state, units, buyerId } of this.#holdsOf(sku))
      if (state === 'held' || state === 'sold') sums.set(buyerId, (sums.get(buyerId) ?? 0) + units)
    for (const [buyer, units] of sums)
      if (units > limit) this.#breach(`${sku}: ${buyer} has ${units} units, limit ${limit}`)
    for (const { pool, buyerId, units } of this.#stage.tables.buyerUnits.values())
      if (pool.endsWith(` ${sku}`) && (sums.get(buyerId) ?? 0) !== units)
        this.#breach(
          `${sku}: ${buyerId} has ${sums.get(buyerId)} units, the ledger counts ${units}`,
        )
  }

  /** 3 */
  #isKept(receipt: Receipt): void {
    const { id, buyerId, lines } = receipt
    const row = this.#stage.tables.checkouts.get(id)
    if (row) {
      if (row.reason === 'units') this.#breach(`${id}: accepted, and there were no units`)
      return
    }
    const parts = this.#ids.read(id, buyerId)
    if (!this.#receipts.mayBeLost(receipt, parts?.generation ?? 0))
      this.#breach(`${id}: accepted, and nobody has it (${JSON.stringify(lines)})`)
    const { generation } = this.#stage.tables.partition(parts?.partition ?? -1)
    if (parts?.generation === generation % 256)
      this.#breach(`${id}: lost, and its generation ${generation} is still open`)
  }

  /** 4 */
  #keysAreUsedOnce(): void {
    const { checkouts } = this.#stage.tables
    const owners = new Map<string, string>()
    for (const { id, buyerId, key } of checkouts.values()) {
      if (key === null) continue
      const before = owners.get(`${buyerId} ${key}`)
      if (before) this.#breach(`key ${key} has two checkouts, ${before} and ${id}`)
      owners.set(`${buyerId} ${key}`, id)
    }
    for (const { id, duplicateOf } of checkouts.values()) {
      const winner = duplicateOf === null ? undefined : checkouts.get(duplicateOf)
      // The gates of two partitions do not see each other's keys, nor that of a checkout over several SKUs.
      if (!winner || this.#stage.tables.parts.has(winner.id)) continue
      if (winner.id.slice(15, 18) === id.slice(15, 18))
        this.#breach(`${id}: its gate had granted the key before, to ${winner.id}`)
    }
  }

  /** 6, and all or nothing. */
  #holdsMatch({ id, status }: CheckoutRow): void {
    const holds = this.#stage.tables.holdsOf(id)
    for (const { sku, state } of holds) {
      if (state === 'held') this.#breach(`${id}: ${status}, and ${sku} is still held`)
      if ((state === 'sold') !== (status === 'confirmed'))
        this.#breach(`${id}: ${status}, and its hold on ${sku} is ${state}`)
    }
    if (status === 'confirmed' && holds.length !== (this.#stage.tables.parts.get(id)?.size ?? 1))
      this.#breach(`${id}: confirmed with ${holds.length} holds`)
  }

  /** What was there at first, and what restocks have changed. */
  #onHand(sku: string, units: number): number {
    let onHand = units
    for (const command of this.#stage.tables.commands.values())
      if (command.sku === sku && command.outcome === 'restocked') onHand += command.units ?? 0
    return onHand
  }

  *#holdsOf(sku: string): Generator<HoldRow> {
    for (const holds of this.#stage.tables.holds.values()) {
      const row = holds.get(sku)
      if (row) yield row
    }
  }

  #breach(what: string): void {
    if (this.breaches.length < breachesMax) this.breaches.push(what)
    this.#stage.story.note('judge', what)
  }
}
