/** The gate's idempotency record: a cache of UNIQUE (buyer, key) in PostgreSQL, which decides. */
import { hash } from 'node:crypto'

/** 132 bits of a SHA-256 over buyer and key: short, so that a hundred thousand of them stay small. */
export function requestField(buyerId: string, key: string): string {
  return hash('sha256', `${buyerId} ${key}`, 'base64url').slice(0, 22)
}

export function requestRecord(checkoutId: string, fingerprint: string): string {
  return `${checkoutId} ${fingerprint}`
}

/**
 * What the same key must carry again: the merged lines in SKU order, and any further content. Short ones
 * as they are, others hashed. Holds no space.
 */
export function fingerprintOf(
  lines: readonly { readonly sku: string; readonly quantity: number }[],
  content?: string,
): string {
  const canonical = [...lines]
    .sort((a, b) => (a.sku < b.sku ? -1 : 1))
    .map(({ sku, quantity }) => `${sku}*${quantity}`)
    .join(',')
  if (content !== undefined)
    return hash('sha256', `${canonical} ${content}`, 'base64url').slice(0, 22)
  return canonical.length <= 40 ? canonical : hash('sha256', canonical, 'base64url').slice(0, 22)
}
