/** The product: a gate in Redis admits, the SKU's actor commits, and nobody waits on a row lock. */
import type { Clock } from '../../../kernel/clock.ts'
import { Coalescer } from '../../../kernel/coalescer.ts'
import type { Gate, GateOutcome } from '../../../stock/gate/gate.ts'
import { postStockCommands } from '../../../stock/gate/post-commands.ts'
import type { GateStore } from '../../../stock/ports.ts'
import type { StockCommand } from '../../../stock/protocol/messages.ts'
import type { Assembly } from '../assembly.ts'
import { refusalOf } from '../refusals.ts'
import type { Line, Purchase, ReservationStrategy, ReserveOutcome } from '../strategy.ts'

/**
 * What is posted at once, and what may wait for it, at most. A command that is not posted is not
 * lost.
 */
const postedMax = 500
const postingMax = 20_000
/**
 * A sell frees nothing and nobody waits for it: in a crowd, those of so long are posted together.
 * Milliseconds.
 */
const sellsMs = 25

/** What the strategy is built from. */
export interface ActorStrategyDeps {
  readonly gate: Gate
  readonly assembly: Assembly
  readonly gates: Pick<GateStore, 'post' | 'want' | 'available'>
  readonly clock: Clock
}

/**
 * Builds the strategy of STOCK_STRATEGY=actor, for API and worker. It answers `queued`; refuses as
 * {@link refusalOf}, or for several SKUs as {@link Assembly}. Its `post` never rejects: what the
 * gates do not take is posted again by the SKU's owner.
 */
export function actorStrategy(deps: ActorStrategyDeps): ReservationStrategy {
  const { gate, assembly, gates, clock } = deps
  // Commands that are posted at the same time share an entry, and the actor's commit.
  const posting = (gather?: () => Promise<void>) =>
    new Coalescer<readonly StockCommand[], void>({
      run: async (asks) => {
        await postStockCommands(gates, asks.flat()).catch(() => {})
        return asks.map(() => undefined)
      },
      batchMax: postedMax,
      waitingMax: postingMax,
      ...(gather ? { gather } : {}),
    })
  const soon = posting()
  let nextSells = 0
  const sells = posting(async () => {
    const wait = nextSells - clock.monotonic()
    if (wait > 0) await clock.sleep(wait)
    nextSells = clock.monotonic() + sellsMs
  })
  return {
    reserve(purchase) {
      return purchase.lines.length === 1
        ? reserveOne(gate, purchase, purchase.lines[0] as Line)
        : assembly.reserve(purchase)
    },
    async post(commands) {
      if (commands.length === 0) return
      const hurry = commands.some(({ kind }) => kind !== 'sell')
      await (hurry ? soon : sells).ask(commands).catch(() => {})
    },
    available: (sku) => gates.available(sku),
  }
}

function reserveOne(
  gate: Gate,
  { buyerId, key, fingerprint }: Purchase,
  { sku, quantity }: Line,
): Promise<ReserveOutcome> | ReserveOutcome {
  const outcome = gate.admit({ sku, buyerId, units: quantity, key, fingerprint })
  return outcome instanceof Promise
    ? outcome.then((later) => translate(sku, later))
    : translate(sku, outcome)
}

function translate(sku: string, outcome: GateOutcome): ReserveOutcome {
  if (outcome.tag === 'granted') {
    const { checkoutId, unitsLeft } = outcome
    return { tag: 'accepted', checkoutId, status: 'queued', remaining: unitsLeft }
  }
  return outcome.tag === 'repeated' ? outcome : refusalOf(sku, outcome)
}
