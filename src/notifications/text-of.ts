import type { OutboxPayload } from '../platform/outbox.ts'

/** For whoever reads an event: a member that is a text; undefined when there is none. Never throws. */
export function textOf(payload: OutboxPayload, member: string): string | undefined {
  const value = payload[member]
  return typeof value === 'string' ? value : undefined
}
