/**
 * The stock domain's Lua commands, typed; RedisGates calls them. What each does, and what its
 * arguments mean, stands in the header of its file under lua/stock.
 */
import { defineScript } from '../../platform/redis/script.ts'
import type { Admission, AdmitReply, PartitionState, PostReply, SettleReply } from '../ports.ts'

/**
 * Takes units for a batch of requests of one SKU and posts them to the mailbox, in the name of an
 * API process. At most `waitingMax` units wait. {@link AdmitReply} says what it answers.
 */
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
    case 'unpayable':
      return { tag, payable: Number(first) }
    case 'ended':
    case 'full':
      return { tag }
    default:
      throw new Error(`stock/admit: unknown admission ${words}`)
  }
}

/**
 * After a commit: sets the gate's units to `free − (granted at the gate − granted)` and trims the
 * mailbox up to `cursor`. `free` and `granted` are units of the ledger row at that cursor, `freed`
 * is the channel to tell, and pairs of buyer and change in units follow. May run twice or late.
 * {@link SettleReply} says what it answers.
 */
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

/**
 * Appends commands to a mailbox as one entry, and takes `take` free units with the same step.
 * {@link PostReply} says what it answers; only `posted` has changed anything.
 */
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

/** Asks the owner to build a gate for a SKU, and wakes it. May be asked any number of times. */
export const wantGate = defineScript({
  file: 'stock/want-gate',
  keys: ['wanted'],
  args: ['sku', 'wake'],
  reply: { wanted: () => undefined },
})

/**
 * Looks at a partition, for owners and lookouts; closes it up to the generation `closing`, unless
 * that is empty. Answers the state afterwards.
 */
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

/** Ends a rebuild: the partition admits from here on. True unless something newer is there. */
export const openPartition = defineScript({
  file: 'stock/open-partition',
  keys: ['partition', 'today', 'yesterday', 'loadedRequests'],
  args: ['generation', 'runId'],
  reply: { open: () => true, stale: () => false },
})

/**
 * Builds a gate, for the owner. `units` and `granted` are units, `startsMs` and `endsMs`
 * milliseconds since the epoch. True unless one of the same or a newer generation is there.
 */
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
    'payable',
    'holderBits',
    'terms',
  ],
  reply: { installed: () => true, stale: () => false },
})

/**
 * Changes what a gate sells for, after an edit. Times are milliseconds since the epoch. Without a
 * gate `missing`; `other_pool`, and nothing changes, when its buyers are counted for another limit.
 */
export const setTerms = defineScript({
  file: 'stock/set-terms',
  keys: ['gate'],
  args: ['pool', 'limit', 'startsMs', 'endsMs', 'payable', 'terms'],
  reply: {
    set: () => 'set' as const,
    missing: () => 'missing' as const,
    other_pool: () => 'other_pool' as const,
  },
})
