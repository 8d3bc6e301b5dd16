import { randomUUIDv7 } from 'node:crypto'

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** A new UUIDv7 (RFC 9562): time-ordered, so that index inserts stay at the right edge. */
export function newId(): string {
  return randomUUIDv7()
}

/** True for a lower-case UUID in canonical form. */
export function isUuid(value: string): boolean {
  return uuidPattern.test(value)
}
