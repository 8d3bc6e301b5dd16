/** The gate's idempotency record: a cache of UNIQUE (buyer, key) in PostgreSQL, which decides. */
import { hash } from 'node:crypto'

/**
 * For gates: where the record of a buyer's key is kept. 132 bits of a SHA-256 over both, short, so
 * that a hundred thousand of them stay small. Never throws.
 */
export function requestField(buyerId: string, key: string): string {
  return hash('sha256', `${buyerId} ${key}`, 'base64url').slice(0, 22)
}

/**
 * For gates: what is kept under a {@link requestField}, that is the checkout and what its key must
 * carry again. Never throws.
 */
export function requestRecord(checkoutId: string, fingerprint: string): string {
  return `${checkoutId} ${fingerprint}`
}

/**
 * For {@link Gate}: the parts of a {@link requestRecord}; neither holds a space. Checks nothing,
 * never throws.
 */
export function readRequestRecord(record: string): { checkoutId: string; fingerprint: string } {
  const space = record.indexOf(' ')
  return { checkoutId: record.slice(0, space), fingerprint: record.slice(space + 1) }
}

/**
 * For flows that take an Idempotency-Key: what the same key must carry again, that is the merged
 * lines (quantities in units) in SKU order, and any further content. Short ones as they are, others
 * hashed. Holds no space. Never throws.
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
