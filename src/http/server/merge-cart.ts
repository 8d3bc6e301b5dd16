import type { FastifyRequest } from 'fastify'
import type { Carts } from '../../cart/carts.ts'
import { type Role, rolesWith } from '../../identity/permissions.ts'

/** Called when somebody has signed in. Never rejects: a cart is no reason to keep anybody out. */
export type OnSignedIn = (
  request: FastifyRequest,
  account: { readonly id: string; readonly role: Role },
) => Promise<void>

/**
 * Adds the guest's cart that `X-Cart-Id` names to that of the account, for roles that have one. What fails
 * is made up for by the next log-in with the header.
 */
export function mergeCart(carts: Pick<Carts, 'merge'>): OnSignedIn {
  const roles = rolesWith('carts:own')
  return async (request, { id, role }) => {
    const cartId = request.headers['x-cart-id']
    if (typeof cartId !== 'string' || !roles.includes(role)) return
    await carts.merge(cartId, id).catch((error: unknown) => {
      request.log.warn(
        { err: error, requestId: request.id },
        'the cart of a guest was not merged at log-in; it stays as it is',
      )
    })
  }
}
