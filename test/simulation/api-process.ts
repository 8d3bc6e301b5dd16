/** An API process: the real gate with its local refusals, and the flows as buyers call them. */
import { Gate, type GateOutcome } from '../../src/stock/gate/gate.ts'
import { LocalRefusals } from '../../src/stock/gate/local-refusals.ts'
import { postStockCommands } from '../../src/stock/gate/post-commands.ts'
import { refreshTerms } from '../../src/stock/gate/refresh-terms.ts'
import type { GateStore } from '../../src/stock/ports.ts'
import { type CheckoutIds, checkoutIds } from '../../src/stock/protocol/checkout-id.ts'
import type { StockCommand } from '../../src/stock/protocol/messages.ts'
import { partitionOf } from '../../src/stock/protocol/partition.ts'
import { fingerprintOf } from '../../src/stock/protocol/request-record.ts'
import type { Line, MemoryShop } from './memory-shop.ts'
import type { Receipts } from './receipts.ts'
import type { SimProcess } from './sim-process.ts'
import { SimWakes } from './sim-wakes.ts'
import { idSecret, type Stage } from './stage.ts'

/** One press of Buy: one SKU or several, in SKU order. */
export interface Purchase {
  readonly buyerId: string
  readonly key: string
  readonly lines: readonly Line[]
}

export type Answer =
  /** 202 or a replay of it. */
  | { readonly tag: 'accepted'; readonly id: string }
  /** The key came with another body before. */
  | { readonly tag: 'reused' }
  | { readonly tag: 'refused'; readonly why: string }
  | { readonly tag: 'unavailable' }

/** How often commands are posted a second time, and how much later, at most. */
const postedTwiceChance = 0.15
const againMs = 800
/** Units granted and not yet committed, at most. */
const waitingUnitsMax = 8

export class ApiProcess {
  readonly process: SimProcess
  readonly wakes: SimWakes
  readonly #stage: Stage
  readonly #receipts: Receipts
  readonly #gates: GateStore
  readonly #shop: MemoryShop
  readonly #ids: CheckoutIds
  readonly #gate: Gate

  constructor(stage: Stage, receipts: Receipts, name: string) {
    this.#stage = stage
    this.#receipts = receipts
    const { redisLink, postgresLink, random } = stage
    const process = stage.process(name)
    this.process = process
    this.wakes = new SimWakes(stage, process)
    this.#gates = stage.through(process, redisLink, 'gates', stage.gates)
    this.#shop = stage.through(process, postgresLink, 'shop', stage.shop)
    const { clock } = process
    const refusals = new LocalRefusals({ gates: this.#gates, clock })
    this.wakes.onFreed(refusals)
    this.#ids = checkoutIds(idSecret, clock.now, random.next)
    this.#gate = new Gate({
      ...{ gates: this.#gates, ids: this.#ids, refusals, clock, random: random.next },
      ...{ waitingUnitsMax, skuExists: (sku) => this.#shop.exists(sku) },
    })
  }

  /** Never rejects for what the stores do; the process may die meanwhile. */
  async buy(purchase: Purchase): Promise<Answer> {
    const { buyerId, key, lines } = purchase
    const [line] = lines as [Line]
    const fingerprint = fingerprintOf(lines)
    if (lines.length > 1) return this.#buySeveral(purchase, fingerprint)
    const { sku, quantity: units } = line
    const outcome = await this.#gate.admit({ sku, buyerId, units, key, fingerprint })
    return this.#answer(purchase, fingerprint, outcome)
  }

  /** Gives a checkout up. */
  async cancel(id: string, buyerId: string): Promise<void> {
    await this.#post(await this.#shop.cancel(id, buyerId))
  }

  /** Whether it is paid now; false when it cannot be paid. */
  async pay(id: string): Promise<boolean> {
    const commands = await this.#shop.pay(id)
    if (commands) await this.#post(commands)
    return commands !== null
  }

  async cancelOrder(id: string): Promise<void> {
    await this.#post(await this.#shop.cancelOrder(id))
  }

  async restock(sku: string, units: number): Promise<void> {
    await this.#post(await this.#shop.restock(sku, units))
  }

  /** Tells the gate what its SKU is sold for by now. */
  async refreshTerms(sku: string): Promise<void> {
    await refreshTerms(this.#gates, this.#stage.offersFor(this.process), sku)
  }

  async available(sku: string): Promise<number | null> {
    return this.#gates.available(sku)
  }

  async #buySeveral(purchase: Purchase, fingerprint: string): Promise<Answer> {
    const { buyerId, key, lines } = purchase
    const known = this.#gate.known(buyerId, key)
    if (known) return this.#answer(purchase, fingerprint, known)
    const partition = partitionOf(lines[0]?.sku as string)
    const id = this.#ids.mint(partition, 0, buyerId)
    const begun = await this.#shop.begin({ id, buyerId, key, fingerprint, lines })
    if (!begun.fresh) {
      const known = {
        tag: 'repeated',
        checkoutId: begun.id,
        fingerprint: begun.fingerprint,
      } as const
      return this.#answer(purchase, fingerprint, known)
    }
    for (const { sku, quantity: units } of lines) {
      const part = { sku, buyerId, units, key: null, fingerprint: '', checkoutId: id }
      const outcome = await this.#gate.admit({ ...part, parts: lines.length })
      if (outcome.tag === 'granted' || outcome.tag === 'repeated') continue
      await this.#post(await this.#shop.giveUp([id], outcome.tag))
      return { tag: 'refused', why: outcome.tag }
    }
    return this.#accept(purchase, fingerprint, id)
  }

  #answer(purchase: Purchase, fingerprint: string, outcome: GateOutcome): Answer {
    switch (outcome.tag) {
      case 'granted':
        return this.#accept(purchase, fingerprint, outcome.checkoutId)
      case 'repeated':
        if (outcome.fingerprint !== fingerprint) return { tag: 'reused' }
        return this.#accept(purchase, fingerprint, outcome.checkoutId)
      case 'unavailable':
        return { tag: 'unavailable' }
      default:
        return { tag: 'refused', why: outcome.tag }
    }
  }

  #accept({ buyerId, key, lines }: Purchase, fingerprint: string, id: string): Answer {
    this.#receipts.note({ id, buyerId, key, fingerprint, lines })
    return { tag: 'accepted', id }
  }

  /** Those that do not arrive are posted again by their owner; some arrive twice. */
  async #post(commands: readonly StockCommand[]): Promise<void> {
    await postStockCommands(this.#gates, commands).catch(() => {})
    if (!this.#stage.random.chance(postedTwiceChance)) return
    this.process.clock.after(this.#stage.random.next() * againMs, () => {
      void postStockCommands(this.#gates, commands).catch(() => {})
    })
  }
}
