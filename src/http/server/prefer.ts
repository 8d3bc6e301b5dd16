import { limits } from '../../kernel/limits.ts'

/** The wait of a `Prefer` header (RFC 7240), in milliseconds, capped; 0 without one or for nonsense. */
export function preferredWaitMs(header: string | string[] | undefined): number {
  if (header === undefined) return 0
  const match = /(?:^|[,;]\s*)wait\s*=\s*"?(\d{1,30})"?\s*(?:$|[,;])/i.exec(String(header))
  return match ? Math.min(Number(match[1]), limits.waitSeconds) * 1000 : 0
}
