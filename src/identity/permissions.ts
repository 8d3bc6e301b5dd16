/** Who a request speaks for, and what the roles may do. */
export const roles = ['buyer', 'seller', 'admin'] as const

export type Role = (typeof roles)[number]

/** The account that a verified access token names. */
export interface Principal {
  readonly id: string
  readonly role: Role
}

const permissions = {
  'checkouts:own': ['buyer'],
  'orders:read': ['buyer', 'seller', 'admin'],
  'orders:move': ['seller'],
  'locations:own': ['seller'],
  'products:write': ['seller'],
  'stock:write': ['seller'],
  'sales:write': ['seller'],
  'hooks:own': ['seller'],
  'operations:read': ['admin'],
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
