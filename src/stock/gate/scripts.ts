/** The stock domain's Lua commands, typed. What each does stands in its file under lua/stock. */
import { defineScript } from '../../platform/redis/script.ts'

/** The gate's answer to one request of a batch. */
export type Admission =
  | { readonly tag: 'granted'; readonly unitsLeft: number }
  | { readonly tag: 'repeated'; readonly checkoutId: string; readonly fingerprint: string }
  | { readonly tag: 'sold_out'; readonly unitsLeft: number }
  | { readonly tag: 'over_limit'; readonly limit: number }
  | { readonly tag: 'not_open'; readonly startsAtMs: number }
  | { readonly tag: 'ended' }
  | { readonly tag: 'full' }

export type AdmitReply =
  | {
      readonly tag: 'admitted'
      readonly generation: number
      readonly unitsLeft: number
      /** Rises whenever units fall free; what a local refusal is bound to. */
      readonly version: number
      readonly admissions: readonly Admission[]
    }
  | { readonly tag: 'closed' }
  | { readonly tag: 'missing' }
  | { readonly tag: 'stale'; readonly generation: number }

export const admit = defineScript({
  file: 'stock/admit',
  keys: ['partition', 'gate', 'mailbox', 'ready', 'buyers', 'holders', 'today', 'yesterday'],
  args: ['sku', 'wake', 'generation', 'waitingMax'],
  reply: {
    admitted: (generation, unitsLeft, version, ...words): AdmitReply => ({
      tag: 'admitted',
      generation: Number(generation),
      unitsLeft: Number(unitsLeft),
      version: Number(version),
      admissions: words.map(decodeAdmission),
    }),
    closed: (): AdmitReply => ({ tag: 'closed' }),
    missing: (): AdmitReply => ({ tag: 'missing' }),
    stale: (generation): AdmitReply => ({ tag: 'stale', generation: Number(generation) }),
  },
})

function decodeAdmission(words: string): Admission {
  const unitsLeft = Number(words)
  if (!Number.isNaN(unitsLeft)) return { tag: 'granted', unitsLeft }
  const [tag, first = '', second = ''] = words.split(' ', 3)
  switch (tag) {
    case 'repeated':
      return { tag, checkoutId: first, fingerprint: second }
    case 'sold_out':
      return { tag, unitsLeft: Number(first) }
    case 'over_limit':
      return { tag, limit: Number(first) }
    case 'not_open':
      return { tag, startsAtMs: Number(first) }
    case 'ended':
    case 'full':
      return { tag }
    default:
      throw new Error(`stock/admit: unknown admission ${words}`)
  }
}

export type SettleReply =
  | { readonly tag: 'settled'; readonly entriesLeft: number; readonly units: number }
  /** Settled, but entries that were never committed are gone. */
  | { readonly tag: 'gap'; readonly entriesLeft: number; readonly units: number }
  | { readonly tag: 'stale' }

export const settle = defineScript({
  file: 'stock/settle',
  keys: ['gate', 'mailbox', 'ready', 'buyers'],
  args: ['sku', 'freed', 'generation', 'cursor', 'free', 'granted'],
  reply: {
    settled: (entriesLeft, units): SettleReply => ({
      tag: 'settled',
      entriesLeft: Number(entriesLeft),
      units: Number(units),
    }),
    gap: (entriesLeft, units): SettleReply => ({
      tag: 'gap',
      entriesLeft: Number(entriesLeft),
      units: Number(units),
    }),
    stale: (): SettleReply => ({ tag: 'stale' }),
  },
})

export type PostReply =
  | { readonly tag: 'posted'; readonly entry: string }
  | { readonly tag: 'short'; readonly unitsLeft: number }
  | { readonly tag: 'closed' }
  | { readonly tag: 'missing' }

export const postCommand = defineScript({
  file: 'stock/post-command',
  keys: ['partition', 'gate', 'mailbox', 'ready'],
  args: ['sku', 'wake', 'take', 'command'],
  reply: {
    posted: (entry): PostReply => ({ tag: 'posted', entry }) as PostReply,
    short: (unitsLeft): PostReply => ({ tag: 'short', unitsLeft: Number(unitsLeft) }),
    closed: (): PostReply => ({ tag: 'closed' }),
    missing: (): PostReply => ({ tag: 'missing' }),
  },
})

export const wantGate = defineScript({
  file: 'stock/want-gate',
  keys: ['wanted'],
  args: ['sku', 'wake'],
  reply: { wanted: () => undefined },
})

/** What Redis has of a partition: `runId` is always the server's own. */
export interface PartitionState {
  readonly runId: string
  /** 0 when there is no state. */
  readonly generation: number
  readonly open: boolean
  readonly sameServer: boolean
}

export const closePartition = defineScript({
  file: 'stock/close-partition',
  keys: ['partition'],
  args: ['closing'],
  reply: {
    state: (generation, open, sameServer, runId): PartitionState => ({
      runId: runId as string,
      generation: Number(generation),
      open: open === '1',
      sameServer: sameServer === '1',
    }),
    none: (runId): PartitionState => ({
      runId: runId as string,
      generation: 0,
      open: false,
      sameServer: false,
    }),
  },
})

export const openPartition = defineScript({
  file: 'stock/open-partition',
  keys: ['partition', 'today', 'yesterday', 'loadedRequests'],
  args: ['generation', 'runId'],
  reply: { open: () => true, stale: () => false },
})

export const installGate = defineScript({
  file: 'stock/install-gate',
  keys: [
    'gate',
    'mailbox',
    'ready',
    'wanted',
    'buyers',
    'holders',
    'loadedBuyers',
    'loadedHolders',
  ],
  args: [
    'sku',
    'generation',
    'cursor',
    'units',
    'granted',
    'version',
    'pool',
    'limit',
    'startsMs',
    'endsMs',
    'holderBits',
    'terms',
  ],
  reply: { installed: () => true, stale: () => false },
})

export const setTerms = defineScript({
  file: 'stock/set-terms',
  keys: ['gate'],
  args: ['pool', 'limit', 'startsMs', 'endsMs', 'terms'],
  reply: {
    set: () => 'set' as const,
    missing: () => 'missing' as const,
    other_pool: () => 'other_pool' as const,
  },
})
