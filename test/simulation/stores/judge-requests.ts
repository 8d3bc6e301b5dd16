/** The loop of admit.lua: who of a batch gets units. */
import type { Admission, GateAsk } from '../../../src/stock/ports.ts'
import type { Reserve } from '../../../src/stock/protocol/messages.ts'
import type { GateHash, RequestRecord } from './redis-data.ts'

/** What the requests of a batch are judged by. */
export interface Bench {
  /** Its units are taken by those who are granted some. */
  readonly gate: GateHash
  readonly waitingMax: number
  readonly nowMs: number
  /** What the gate counts for its buyers. */
  readonly counted: ReadonlyMap<string, number>
  /** Requests of today, and of yesterday if there are any. */
  readonly known: readonly (ReadonlyMap<string, RequestRecord> | undefined)[]
}

export interface Judged {
  /** One for each request. */
  readonly answers: Admission[]
  readonly granted: Reserve[]
  /** By request field. */
  readonly records: Map<string, RequestRecord>
  /** What the gate counts from now on, for those whose count changes. */
  readonly counts: Map<string, number>
}

export function judge(bench: Bench, asks: readonly GateAsk[], ids: readonly string[]): Judged {
  const judged: Judged = { answers: [], granted: [], records: new Map(), counts: new Map() }
  asks.forEach((ask, i) => {
    judged.answers.push(answerTo(bench, judged, ask) ?? grant(bench, judged, ask, ids[i] as string))
  })
  return judged
}

/** A repetition or a refusal, the first that fits; undefined: it is granted. */
function answerTo(
  { gate, waitingMax, nowMs, counted, known }: Bench,
  { records, counts }: Judged,
  { request: { buyerId, units }, field }: GateAsk,
): Admission | undefined {
  const { limit, startsAtMs, endsAtMs, payable, granted, settledGranted } = gate
  const before = field === '' ? undefined : [records, ...known].find((each) => each?.has(field))
  const record = before?.get(field)
  if (record) return { tag: 'repeated', ...record }
  if (startsAtMs !== null && nowMs < startsAtMs) return { tag: 'not_open', startsAtMs }
  if (endsAtMs !== null && nowMs >= endsAtMs) return { tag: 'ended' }
  if (payable !== null && units > payable) return { tag: 'unpayable', payable }
  const has = counts.get(buyerId) ?? counted.get(buyerId) ?? 0
  if (limit !== null && has + units > limit) return { tag: 'over_limit', limit }
  if (gate.units < units) return { tag: 'sold_out', unitsLeft: gate.units }
  return granted - settledGranted + units > waitingMax ? { tag: 'full' } : undefined
}

function grant(
  { gate, counted }: Bench,
  { granted, records, counts }: Judged,
  { request, field }: GateAsk,
  checkoutId: string,
): Admission {
  const { buyerId, units, key, fingerprint, parts = 1 } = request
  gate.units -= units
  gate.granted += units
  const has = counts.get(buyerId) ?? counted.get(buyerId) ?? 0
  if (gate.limit !== null) counts.set(buyerId, has + units)
  if (field !== '') records.set(field, { checkoutId, fingerprint })
  // A part has no key of its own, and a whole checkout is one part.
  const only = key === null ? { fingerprint: '', parts } : { fingerprint, parts: 1 }
  const { terms } = gate
  granted.push({ kind: 'reserve', checkoutId, buyerId, units, key, ...only, terms })
  return { tag: 'granted', unitsLeft: gate.units }
}
