/**
 * Loads into a gate that is being built what the ledger knows of its buyers, a bounded number at a
 * time.
 */
import type { SkuState } from '../decide/state.ts'
import type { GateStore, LedgerStore, Loading } from '../ports.ts'
import { firstIdAt } from '../protocol/checkout-id.ts'

/** What loading needs, of an owner. */
export interface LoadDeps {
  readonly gates: Pick<GateStore, 'loadBuyers' | 'loadRequests'>
  readonly ledger: Pick<LedgerStore, 'buyersOf' | 'recentRequests'>
}

const buyersPerRead = 500
const checkoutsPerRead = 2_000
const dayMs = 86_400_000

/**
 * Buyers' counts (units) of a limit group for the gate of `state`, which an owner builds; none
 * without a limit. Rejects when a store is away.
 */
export async function loadBuyers(
  { gates, ledger }: LoadDeps,
  { sku, generation }: SkuState,
  pool: string | null,
): Promise<void> {
  if (pool === null) return
  for (let after = ''; ; ) {
    const counts = await ledger.buyersOf(pool, after, buyersPerRead)
    const last = counts.at(-1)
    if (!last) return
    await gates.loadBuyers(sku, generation, counts)
    after = last.buyerId
  }
}

/**
 * For a rebuild: idempotency records and holders of the last day before `nowMs`, in ms since the
 * epoch. The key's place in the ledger decides; this is its cache. Rejects when a store is away.
 */
export async function loadRequests(
  { gates, ledger }: LoadDeps,
  loading: Loading,
  nowMs: number,
): Promise<void> {
  if (loading.states.length === 0) return
  for (let after = firstIdAt(nowMs - dayMs); ; ) {
    const requests = await ledger.recentRequests(loading.partition, after, checkoutsPerRead)
    const last = requests.at(-1)
    if (!last) return
    await gates.loadRequests(loading, requests)
    after = last.checkoutId
  }
}
