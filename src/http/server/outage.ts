/**
 * Tells "a store is away or swamped" from our own failures: the first is answered `overloaded` and is
 * worth another try, the second is `internal`.
 */

import { withCauses } from '../../kernel/causes.ts'

const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ETIMEDOUT',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
])

/** slonik's errors by name: its classes are not all exported. */
const databaseNames = new Set([
  'ConnectionError',
  'BackendTerminatedError',
  'BackendTerminatedUnexpectedlyError',
  'IdleTransactionTimeoutError',
  'StatementCancelledError',
  'StatementTimeoutError',
  'PoolCrowded',
])

/** PostgreSQL: connection trouble, no resources, shutting down, deadlock, serialisation, cancelled. */
const databaseStates = /^(08|53|57P|40001|40P01|55P03|57014|58)/

const redisNames = new Set(['MaxRetriesPerRequestError', 'ClusterAllFailedError', 'AbortError'])

const redisMessages =
  /^(Connection is closed|Command timed out|Stream isn't writeable|None of startup nodes|LOADING|CLUSTERDOWN|MASTERDOWN|READONLY|TRYAGAIN|BUSY |OOM |MISCONF)/

/** The driver gave up waiting for PostgreSQL. */
const silence = 'Query read timeout'

/** True when the error, or one of its causes, is a store that cannot answer now. */
export function isOutage(error: unknown): boolean {
  return withCauses(error).some((each) => {
    const { code } = each as { readonly code?: unknown }
    if (typeof code === 'string' && (networkCodes.has(code) || isDatabaseState(code))) return true
    const name = each.constructor.name
    if (databaseNames.has(name) || redisNames.has(name) || redisNames.has(each.name)) return true
    return redisMessages.test(each.message) || each.message === silence
  })
}

function isDatabaseState(code: string): boolean {
  return code.length === 5 && databaseStates.test(code)
}
