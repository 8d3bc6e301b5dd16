/** Whether leases do what they are for: nobody takes over what is driven, and no hold ends under its driver. */
import type { SimProcess } from '../sim-process.ts'
import type { MoneyWatch } from '../stores/memory-money.ts'
import type { AttemptRow, MoneyTables, OrderRow } from '../stores/money-tables.ts'

/** What is looked at. */
export interface Watched {
  readonly now: () => number
  readonly tables: MoneyTables
  /** Nothing has kept a driver from renewing its lease: no storm, no outage, no process that stands still. */
  readonly undisturbed: boolean
}

const sparedMs = 3_600_000

export class LeaseWatch implements MoneyWatch {
  readonly breaches: string[] = []
  readonly #watched: Watched
  readonly #asking = new Map<string, Set<SimProcess>>()

  constructor(watched: Watched) {
    this.#watched = watched
  }

  /** Somebody asks the provider about a checkout. */
  async during<T>(checkoutId: string | null, who: SimProcess, answer: Promise<T>): Promise<T> {
    if (checkoutId === null) return answer
    const asking = this.#asking.get(checkoutId) ?? new Set()
    this.#asking.set(checkoutId, asking.add(who))
    try {
      return await answer
    } finally {
      asking.delete(who)
    }
  }

  onTaken({ checkoutId, attempt, leasedUntilMs }: Readonly<AttemptRow>): void {
    const { now, undisturbed } = this.#watched
    if (leasedUntilMs <= now() && !(undisturbed && this.#isDriven(checkoutId))) return
    this.breaches.push(`${checkoutId}: attempt ${attempt} is taken from whoever drives it`)
  }

  onExpire({ id }: Readonly<OrderRow>): void {
    const { tables, now, undisturbed } = this.#watched
    const open = tables
      .attemptsOf(id)
      .filter(({ createdAtMs }) => createdAtMs > now() - sparedMs)
      .find(({ state }) => state === 'waiting' || state === 'pending')
    if (!open) return
    const driven = this.#isDriven(id)
    const leased = open.state === 'waiting' || open.leasedUntilMs > now()
    if (leased || (driven && undisturbed)) {
      this.breaches.push(`${id}: its hold ends while its payment waits or is driven`)
    }
  }

  #isDriven(checkoutId: string): boolean {
    return [...(this.#asking.get(checkoutId) ?? [])].some(({ alive }) => alive)
  }
}
