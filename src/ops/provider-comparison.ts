/**
 * The provider's charges and refunds against those of the tables, both ways. Reads only. Whatever
 * differs is looked at a second time, a while later: money moves while the lists are read.
 */
import type { CallOptions } from '../payments/gateway.ts'
import type { PageAnswer, PageRequest } from '../payments/provider-lists.ts'
import { ChargeComparison } from './compare-charges.ts'
import { RefundComparison } from './compare-refunds.ts'
import {
  ask,
  type Comparison,
  type ComparisonDeps,
  ProviderUnreachable,
  type Suspect,
} from './comparing.ts'
import { breachesMax } from './findings.ts'

/** What was found of one kind. */
export interface Compared {
  readonly kept: boolean
  /** Objects of the provider and rows of the tables that were compared. */
  readonly checked: number
  /** Those that somebody is driving right now: what they will be is not known yet. */
  readonly underWay: number
  /** All that differ; `differences` tells the first {@link breachesMax}, a sentence each. */
  readonly differing: number
  readonly differences: readonly string[]
}

/** The whole comparison. `kept`: nothing differs. */
export interface ProviderReport {
  readonly kept: boolean
  readonly charges: Compared
  readonly refunds: Compared
}

const pagesMax = 1_000
/** A verdict needs so long at most to get from the provider into the tables: a bank's 25 s, and some. */
const settleMs = 30_000
/** Suspects that are looked at again; of more, nobody reads the end. */
const suspectsMax = 200
const callMs = 10_000

/**
 * For `verify --provider`: compares all charges and refunds, up to 100,000 of each, the newest first.
 * Takes up to half a minute longer when something differs that is younger. @throws ProviderUnreachable; else rejects with
 * PostgreSQL's errors.
 */
export async function compareWithProvider(deps: ComparisonDeps): Promise<ProviderReport> {
  const charges = new ChargeComparison(deps)
  await readAll(deps, 'charges', charges, (request, options) =>
    deps.lists.listIntents(request, options),
  )
  const refunds = new RefundComparison(deps)
  await readAll(deps, 'refunds', refunds, (request, options) =>
    deps.lists.listAllRefunds(request, options),
  )
  const found = [...charges.firstLook.suspects.values(), ...refunds.firstLook.suspects.values()]
  const newestMs = Math.max(...found.map(({ changedMs }) => changedMs))
  const waitMs = Math.min(settleMs, newestMs + settleMs - deps.clock.now())
  if (found.length > 0 && waitMs > 0) await deps.clock.sleep(waitMs)
  const first = await judge(charges)
  const second = await judge(refunds)
  return { kept: first.kept && second.kept, charges: first, refunds: second }
}

async function readAll<Item extends { readonly madeMs: number }>(
  deps: ComparisonDeps,
  what: string,
  comparison: Comparison<Item>,
  list: (request: PageRequest, options: CallOptions) => Promise<PageAnswer<Item>>,
): Promise<void> {
  let after: string | null = null
  let oldestMs = deps.clock.now()
  for (let pages = 0; pages < (deps.pagesMax ?? pagesMax); pages++) {
    const request: PageRequest = { after }
    const page = await ask(deps, () => list(request, { timeoutMs: callMs }))
    if (page.tag === 'refused')
      throw new ProviderUnreachable(`the provider refuses: ${page.message}`)
    if (page.unreadable > 0)
      deps.note(`${page.unreadable} of the provider's ${what} cannot be read`)
    await comparison.page(page.items)
    oldestMs = page.items.at(-1)?.madeMs ?? oldestMs
    after = page.next
    if (after === null) return comparison.rows(new Date(0))
  }
  const from = new Date(oldestMs + 1_000)
  deps.note(`of the provider's ${what}, those before ${from.toISOString()} are not compared`)
  return comparison.rows(from)
}

async function judge<Item>(comparison: Comparison<Item>): Promise<Compared> {
  const all = [...comparison.firstLook.suspects.values()]
  const sure: Suspect[] = all.slice(suspectsMax)
  for (const suspect of all.slice(0, suspectsMax)) {
    const still = await comparison.again(suspect)
    if (still) sure.push(still)
  }
  const differing = sure.filter(({ underWay }) => !underWay)
  return {
    kept: differing.length === 0,
    checked: comparison.firstLook.checked,
    underWay: sure.length - differing.length,
    differing: differing.length,
    differences: differing.slice(0, breachesMax).map(({ sentence }) => sentence),
  }
}
