/** A gate that was built through the ports alone, on whichever stores implement them. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { systemClock } from '../../../../src/kernel/clock.ts'
import { newId } from '../../../../src/kernel/ids.ts'
import type { SkuState } from '../../../../src/stock/decide/state.ts'
import type {
  Admission,
  AdmitReply,
  GateRequest,
  GateStore,
  Mailbox,
  SettleReply,
  Wakes,
} from '../../../../src/stock/ports.ts'
import { type Entry, isRead } from '../../../../src/stock/protocol/messages.ts'
import type { Offer } from '../../../../src/stock/protocol/offers.ts'
import { partitionOf } from '../../../../src/stock/protocol/partition.ts'
import { requestField } from '../../../../src/stock/protocol/request-record.ts'
import { aState } from '../../../support/stock-builders.ts'

/** Gates, mailboxes and messages of one store, as two processes see them: who asks, and who listens. */
export interface GateWorld {
  readonly gates: GateStore
  readonly mailbox: Mailbox
  readonly wakes: Wakes
}

/** Starts the store once; each test then has a world in which nothing was ever written. */
export type MakeGateWorld = (t: TestContext) => Promise<() => Promise<GateWorld>>

/** One test of a contract. */
export type Case = (world: GateWorld, t: TestContext) => Promise<void>

export interface Built {
  readonly state?: Partial<SkuState>
  readonly pool?: string | null
  readonly limit?: number | null
  readonly startsAtMs?: number | null
  readonly endsAtMs?: number | null
  readonly payable?: number | null
  readonly version?: number
}

export interface Asked {
  readonly buyerId?: string
  readonly units?: number
  /** Null for a part. */
  readonly key?: string | null
  readonly id?: string
}

let count = 0
export const newSku = (): string => `PORT-${++count}`

export function offerOf(sku: string, built: Built = {}): Offer {
  const { limit = null, pool = limit === null ? null : 'sale-1' } = built
  const { startsAtMs = null, endsAtMs = null, payable = null } = built
  const terms = { price: 1_000, currency: 'EUR', title: sku, sellerId: null, pool, limit }
  return { sku, terms, startsAtMs, endsAtMs, payable }
}

/** A gate with ten free units, unless told otherwise, in an open partition of generation 1. */
export async function openGate(world: GateWorld, built: Built = {}): Promise<OpenedGate> {
  const sku = built.state?.sku ?? newSku()
  const state = aState(built.state?.onHand ?? 10, { sku, ...built.state })
  const partition = partitionOf(sku)
  const { runId } = await world.gates.look(partition)
  await world.gates.beginLoading({ partition, generation: state.generation, states: [state] })
  assert.ok(await world.gates.install(state, offerOf(sku, built), built.version ?? 1))
  assert.ok(await world.gates.open(partition, state.generation, runId))
  return new OpenedGate(world, state, runId)
}

export class OpenedGate {
  readonly world: GateWorld
  readonly state: SkuState
  readonly sku: string
  readonly partition: number
  readonly runId: string

  constructor(world: GateWorld, state: SkuState, runId: string) {
    this.world = world
    this.state = state
    this.sku = state.sku
    this.partition = partitionOf(state.sku)
    this.runId = runId
  }

  /** One call of the gate with these requests. */
  admit(
    asked: readonly Asked[],
    { generation = this.state.generation, waitingMax = 1_000_000 } = {},
  ): Promise<AdmitReply> {
    const ids = asked.map(({ id }) => id ?? newId())
    const asks = asked.map(({ buyerId = newId(), units = 1, key = newId() }, i) => {
      const fingerprint = key === null ? '' : `${this.sku}*${units}`
      const request: GateRequest = {
        ...{ sku: this.sku, buyerId, units, key, fingerprint },
        ...(key === null ? { checkoutId: ids[i] as string, parts: 2 } : {}),
      }
      return { request, field: key === null ? '' : requestField(buyerId, key) }
    })
    const { sku, partition } = this
    return this.world.gates.admit({ sku, partition, generation, waitingMax }, asks, ids)
  }

  /** As {@link admit}, for one request; its answer. */
  async ask(asked: Asked = {}, call: { waitingMax?: number } = {}): Promise<Admission> {
    const reply = await this.admit([asked], call)
    assert.equal(reply.tag, 'admitted')
    return (reply as Extract<AdmitReply, { tag: 'admitted' }>).admissions[0] as Admission
  }

  /** After a commit at `cursor`. */
  settle(
    to: Partial<SkuState>,
    shadow: ReadonlyMap<string, number> = new Map(),
  ): Promise<SettleReply> {
    return this.world.gates.settle({ state: { ...this.state, ...to }, shadow })
  }

  /** What the mailbox holds after a cursor. */
  async entries(cursor = this.state.cursor): Promise<Entry[]> {
    const { sku, generation } = this.state
    const [read = []] = await this.world.mailbox.read(
      this.partition,
      [{ sku, generation, cursor }],
      100,
    )
    assert.ok(read.every(isRead))
    return read
  }

  available(): Promise<number | null> {
    return this.world.gates.available(this.sku)
  }

  /** Runs something that must leave units and mailbox as they were. */
  async unchanged<T>(run: () => Promise<T>): Promise<T> {
    const look = async () => [
      await this.available(),
      await this.entries(),
      await this.world.mailbox.waiting(this.partition),
    ]
    const before = await look()
    const result = await run()
    assert.deepEqual(await look(), before)
    return result
  }
}

export const inAnHour = (): number => systemClock.now() + 3_600_000
export const anHourAgo = (): number => systemClock.now() - 3_600_000
