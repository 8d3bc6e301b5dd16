/** What a line of the table of routes says. */
import { newId } from '../../src/kernel/ids.ts'
import type { Call, People } from './people.ts'

export interface RouteCase {
  /** Statuses for nobody, buyer, other buyer, seller, other seller, admin. */
  readonly answers: readonly [number, number, number, number, number, number]
  /** Makes the call, and the things of `buyer` and `seller` that it is about. */
  readonly call: (people: People) => Call | Promise<Call>
  /** The call ends the account or its sessions: each caller is a new account. */
  readonly fresh?: true
}

export const everyone = (status: number): RouteCase['answers'] => [
  status,
  status,
  status,
  status,
  status,
  status,
]
export const buyers = (status: number): RouteCase['answers'] => [401, status, status, 403, 403, 403]
export const itsBuyer = (status: number): RouteCase['answers'] => [401, status, 404, 404, 404, 404]
export const sellers = (status: number): RouteCase['answers'] => [
  401,
  403,
  403,
  status,
  status,
  403,
]
export const itsSeller = (status: number): RouteCase['answers'] => [401, 403, 403, status, 404, 403]
export const admins = (status: number): RouteCase['answers'] => [401, 403, 403, 403, 403, status]

export const key = () => ({ 'idempotency-key': newId() })
export const open = (path: string): RouteCase => ({
  answers: everyone(200),
  call: () => ({ path }),
})
