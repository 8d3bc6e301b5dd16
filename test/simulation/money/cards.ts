/** What buyers pay with. */
export type CardVerdict = 'succeeded' | 'declined' | 'requires_action' | 'processing'

export interface Card {
  readonly verdict: CardVerdict
  /** The bank takes up to 26 seconds. */
  readonly slow?: boolean
  /** What the bank says once the buyer has agreed. */
  readonly authenticated?: 'succeeded' | 'declined'
}

const cards: Readonly<Record<string, Card>> = {
  good: { verdict: 'succeeded' },
  other: { verdict: 'succeeded' },
  declined: { verdict: 'declined' },
  empty: { verdict: 'declined' },
  slow: { verdict: 'succeeded', slow: true },
  reluctant: { verdict: 'declined', slow: true },
  asks: { verdict: 'requires_action', authenticated: 'succeeded' },
  refuses: { verdict: 'requires_action', authenticated: 'declined' },
  debit: { verdict: 'processing' },
}

/** Undefined: the provider knows no such payment method. */
export const cardOf = (method: string): Card | undefined => cards[method]

export const cardNames = [...Object.keys(cards), 'made up'] as const
