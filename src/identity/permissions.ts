/** Who a request speaks for, and what the roles may do. */
export const roles = ['buyer', 'seller', 'admin'] as const

export type Role = (typeof roles)[number]

/** The account that a verified access token names. */
export interface Principal {
  readonly id: string
  readonly role: Role
}

/** Everything that an account may do, and who may. Routes ask by the name of what is done. */
const permissions = {
  'carts:own': ['buyer'],
  'checkouts:own': ['buyer'],
  'orders:read': roles,
  'orders:move': ['seller'],
  'orders:refund': ['seller', 'admin'],
  'alerts:own': ['buyer'],
  'products:write': ['seller'],
  'stock:write': ['seller'],
  'locations:own': ['seller'],
  'audit:read': ['admin'],
  'operations:read': ['admin'],
  'operations:write': ['admin'],
  'accounts:bar': ['admin'],
} as const satisfies Record<string, readonly Role[]>

export type Permission = keyof typeof permissions

/** The roles that hold a permission. A role holds nothing that is not listed here. */
export function rolesWith(permission: Permission): readonly Role[] {
  return permissions[permission]
}

export function isRole(value: unknown): value is Role {
  return (roles as readonly unknown[]).includes(value)
}
