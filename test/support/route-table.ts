/**
 * Every route of the shop: a good call of it, and what each kind of caller is answered to that call. The
 * permission matrix and the generated bad input are made from this one table, and a route that is not in
 * it fails both.
 */
import { newId } from '../../src/kernel/ids.ts'
import { type Call, emailOf, type People, peoplePassword } from './people.ts'

export interface RouteCase {
  /** Statuses for nobody, buyer, other buyer, seller, other seller, admin. */
  readonly answers: readonly [number, number, number, number, number, number]
  /** Makes the call, and the things of `buyer` and `seller` that it is about. */
  readonly call: (people: People) => Call | Promise<Call>
  /** The call ends the account or its sessions: each caller is a new account. */
  readonly fresh?: true
}

const everyone = (status: number): RouteCase['answers'] => [
  status,
  status,
  status,
  status,
  status,
  status,
]
const buyers = (status: number): RouteCase['answers'] => [401, status, status, 403, 403, 403]
const itsBuyer = (status: number): RouteCase['answers'] => [401, status, 404, 404, 404, 404]
const sellers = (status: number): RouteCase['answers'] => [401, 403, 403, status, status, 403]
const itsSeller = (status: number): RouteCase['answers'] => [401, 403, 403, status, 404, 403]
const admins = (status: number): RouteCase['answers'] => [401, 403, 403, 403, 403, status]

const key = () => ({ 'idempotency-key': newId() })
const open = (path: string): RouteCase => ({ answers: everyone(200), call: () => ({ path }) })

const identity: Readonly<Record<string, RouteCase>> = {
  'POST /api/auth/register': {
    answers: everyone(201),
    call: () => ({
      path: '/api/auth/register',
      body: {
        email: emailOf(newId()),
        password: peoplePassword,
        name: 'Somebody',
        role: 'buyer',
      },
    }),
  },
  'POST /api/auth/login': {
    answers: everyone(200),
    call: ({ ids }) => ({
      path: '/api/auth/login',
      body: { email: emailOf(ids.buyer), password: peoplePassword },
    }),
  },
  'POST /api/auth/refresh': {
    answers: everyone(200),
    call: async (people) => ({
      path: '/api/auth/refresh',
      body: { refreshToken: await people.refreshToken(people.ids.buyer) },
    }),
  },
  'POST /api/auth/logout': {
    answers: everyone(204),
    call: async (people) => ({
      path: '/api/auth/logout',
      body: { refreshToken: await people.refreshToken(people.ids.buyer) },
    }),
  },
  'GET /api/me': {
    answers: [401, 200, 200, 200, 200, 200],
    call: () => ({ path: '/api/me' }),
  },
  'PUT /api/me/password': {
    answers: [401, 204, 204, 204, 204, 204],
    call: () => ({
      path: '/api/me/password',
      body: { currentPassword: peoplePassword, newPassword: 'another-password' },
    }),
    fresh: true,
  },
  'DELETE /api/me': {
    answers: [401, 204, 204, 204, 204, 204],
    call: () => ({ path: '/api/me' }),
    fresh: true,
  },
  'PUT /api/users/{id}/bar': {
    answers: admins(200),
    call: async ({ addAccount }) => ({
      path: `/api/users/${await addAccount('buyer')}/bar`,
      body: { reason: 'Resold' },
    }),
  },
  'DELETE /api/users/{id}/bar': {
    answers: admins(204),
    call: async ({ addAccount, callAs }) => {
      const path = `/api/users/${await addAccount('buyer')}/bar`
      await callAs('admin', 'PUT', { path, body: { reason: 'Resold' } })
      return { path }
    },
  },
}

const catalogue: Readonly<Record<string, RouteCase>> = {
  'GET /api/products': open('/api/products?q=thing&sort=newest&limit=5'),
  'POST /api/products': {
    answers: sellers(201),
    call: () => ({
      path: '/api/products',
      body: {
        title: 'A thing',
        description: 'Good',
        category: 'things',
        variants: [{ sku: newId(), options: { size: 'M' }, price: 900, currency: 'EUR', stock: 3 }],
      },
    }),
  },
  'GET /api/products/{id}': {
    answers: everyone(200),
    call: async ({ product }) => ({ path: `/api/products/${(await product()).id}` }),
  },
  'PATCH /api/products/{id}': {
    answers: itsSeller(200),
    call: async ({ product }) => ({
      path: `/api/products/${(await product()).id}`,
      body: { title: 'Another thing' },
    }),
  },
  'DELETE /api/products/{id}': {
    answers: itsSeller(204),
    call: async ({ product }) => ({ path: `/api/products/${(await product()).id}` }),
  },
  'POST /api/products/{id}/variants': {
    answers: itsSeller(201),
    call: async ({ product }) => ({
      path: `/api/products/${(await product()).id}/variants`,
      body: { sku: newId(), options: { size: 'L' }, price: 900, currency: 'EUR', stock: 3 },
    }),
  },
  'GET /api/products/{id}/recommendations': {
    answers: everyone(200),
    call: async ({ product }) => ({
      path: `/api/products/${(await product()).id}/recommendations`,
    }),
  },
  'POST /api/products/{id}/images': {
    answers: itsSeller(201),
    call: async ({ product }) => ({
      path: `/api/products/${(await product()).id}/images`,
      body: { contentType: 'image/png', bytes: 100 },
    }),
  },
  'GET /api/products/{id}/images': {
    answers: itsSeller(200),
    call: async ({ product }) => ({ path: `/api/products/${(await product()).id}/images` }),
  },
  'POST /api/products/{id}/images/{imageId}/complete': {
    // Nothing was uploaded.
    answers: itsSeller(409),
    call: async (people) => {
      const { product, id } = await people.image()
      return { path: `/api/products/${product}/images/${id}/complete` }
    },
  },
  'DELETE /api/products/{id}/images/{imageId}': {
    answers: itsSeller(204),
    call: async (people) => {
      const { product, id } = await people.image()
      return { path: `/api/products/${product}/images/${id}` }
    },
  },
  'GET /images/{id}/{file}': {
    answers: everyone(404),
    call: () => ({ path: `/images/${newId()}/320.webp` }),
  },
  'PUT /uploads/{id}': {
    // Whoever holds a signed URL may; this one is not.
    answers: everyone(403),
    call: () => ({ path: `/uploads/${newId()}?expires=1&signature=${'A'.repeat(43)}` }),
  },
  'GET /api/skus/{sku}': {
    answers: everyone(200),
    call: async ({ product }) => ({ path: `/api/skus/${(await product()).sku}` }),
  },
  'POST /api/skus/{sku}/stock': {
    answers: itsSeller(202),
    call: async ({ product }) => ({
      path: `/api/skus/${(await product()).sku}/stock`,
      body: { delta: 5, reason: 'Delivery' },
    }),
  },
  'PUT /api/skus/{sku}/threshold': {
    answers: itsSeller(200),
    call: async ({ product }) => ({
      path: `/api/skus/${(await product()).sku}/threshold`,
      body: { units: 5 },
    }),
  },
  'POST /api/skus/{sku}/alerts': {
    answers: buyers(201),
    call: async ({ product }) => ({ path: `/api/skus/${(await product()).sku}/alerts` }),
  },
}

const cart: Readonly<Record<string, RouteCase>> = {
  'GET /api/cart': {
    // Guests name their cart; this one does not.
    answers: [401, 200, 200, 403, 403, 403],
    call: () => ({ path: '/api/cart' }),
  },
  'DELETE /api/cart': {
    answers: [200, 200, 200, 403, 403, 403],
    call: () => ({ path: '/api/cart', headers: { 'x-cart-id': newId() } }),
  },
  'POST /api/cart/items': {
    answers: [200, 200, 200, 403, 403, 403],
    call: async ({ product }) => ({
      path: '/api/cart/items',
      body: { sku: (await product()).sku, quantity: 1 },
      headers: { 'x-cart-id': newId() },
    }),
  },
  'PATCH /api/cart/items/{sku}': {
    // It is not in the cart.
    answers: [404, 404, 404, 403, 403, 403],
    call: async ({ product }) => ({
      path: `/api/cart/items/${(await product()).sku}`,
      body: { quantity: 2 },
      headers: { 'x-cart-id': newId() },
    }),
  },
  'DELETE /api/cart/items/{sku}': {
    answers: [200, 200, 200, 403, 403, 403],
    call: async ({ product }) => ({
      path: `/api/cart/items/${(await product()).sku}`,
      headers: { 'x-cart-id': newId() },
    }),
  },
}

const buying: Readonly<Record<string, RouteCase>> = {
  'POST /api/checkouts': {
    answers: buyers(202),
    call: async ({ checkout }) => ({
      // Its gate is open already.
      path: '/api/checkouts',
      body: { items: [{ sku: (await checkout()).sku, quantity: 1 }] },
      headers: key(),
    }),
  },
  'GET /api/checkouts/{id}': {
    answers: itsBuyer(200),
    call: async ({ checkout }) => ({ path: `/api/checkouts/${(await checkout()).id}` }),
  },
  'DELETE /api/checkouts/{id}': {
    answers: itsBuyer(204),
    call: async ({ checkout }) => ({ path: `/api/checkouts/${(await checkout()).id}` }),
  },
  'POST /api/checkouts/{id}/confirm': {
    answers: itsBuyer(200),
    call: async ({ checkout }) => ({
      path: `/api/checkouts/${(await checkout()).id}/confirm`,
      body: { paymentMethodId: 'pm_card_visa' },
    }),
  },
  'POST /api/orders': {
    answers: buyers(201),
    call: async ({ checkout }) => ({
      path: '/api/orders',
      body: {
        items: [{ sku: (await checkout()).sku, quantity: 1 }],
        paymentMethodId: 'pm_card_visa',
      },
      headers: key(),
    }),
  },
  'GET /api/orders': {
    answers: [401, 200, 200, 200, 200, 200],
    call: () => ({ path: '/api/orders?limit=5' }),
  },
  'GET /api/orders/{id}': {
    // The seller sees its own lines.
    answers: [401, 200, 404, 200, 404, 200],
    call: async ({ paid }) => ({ path: `/api/orders/${await paid()}` }),
  },
  'PUT /api/orders/{id}/cancel': {
    answers: [401, 200, 404, 403, 403, 403],
    call: async ({ paid }) => ({ path: `/api/orders/${await paid()}/cancel` }),
  },
  'PATCH /api/orders/{id}/status': {
    answers: itsSeller(200),
    call: async ({ paid }) => ({
      path: `/api/orders/${await paid()}/status`,
      body: { status: 'processing' },
    }),
  },
  'PATCH /api/shipments/{id}': {
    answers: itsSeller(200),
    call: async ({ paid, shipmentOf, callAs }) => {
      const order = await paid()
      const path = `/api/shipments/${await shipmentOf(order)}`
      const processing = { path: `/api/orders/${order}/status`, body: { status: 'processing' } }
      await callAs('seller', 'PATCH', processing)
      return { path, body: { status: 'shipped' } }
    },
  },
  'POST /api/locations': {
    answers: sellers(201),
    call: () => ({
      path: '/api/locations',
      body: { name: `Store ${newId()}`, latitude: 52.5, longitude: 13.4 },
    }),
  },
  'GET /api/locations': { answers: sellers(200), call: () => ({ path: '/api/locations' }) },
  'PATCH /api/locations/{id}': {
    answers: itsSeller(200),
    call: async ({ location }) => ({
      path: `/api/locations/${await location()}`,
      body: { online: false },
    }),
  },
  'PUT /api/locations/{id}/stock': {
    answers: itsSeller(200),
    call: async ({ location, product }) => ({
      path: `/api/locations/${await location()}/stock`,
      body: { items: [{ sku: (await product()).sku, units: 5 }] },
    }),
  },
}

const operations: Readonly<Record<string, RouteCase>> = {
  'GET /api/audit': { answers: admins(200), call: () => ({ path: '/api/audit' }) },
  'GET /api/ops/webhooks': { answers: admins(200), call: () => ({ path: '/api/ops/webhooks' }) },
  'POST /api/ops/webhooks/{id}/replay': {
    // There is none of this name.
    answers: admins(404),
    call: () => ({ path: '/api/ops/webhooks/evt_unknown/replay' }),
  },
  'GET /api/ops/outbox': { answers: admins(200), call: () => ({ path: '/api/ops/outbox' }) },
  'POST /api/ops/outbox/{id}/replay': {
    answers: admins(404),
    call: () => ({ path: '/api/ops/outbox/999999999/replay' }),
  },
  'POST /webhooks/stripe': {
    // Not signed.
    answers: everyone(400),
    call: () => ({ path: '/webhooks/stripe', body: { id: 'evt_1' } }),
  },
  'GET /health': open('/health'),
  'GET /health/live': open('/health/live'),
  'GET /health/ready': open('/health/ready'),
  'GET /api/bench/baseline': open('/api/bench/baseline'),
  'POST /api/bench/baseline': {
    answers: [401, 200, 200, 200, 200, 200],
    call: () => ({ path: '/api/bench/baseline', body: {} }),
  },
}

export const routeTable: Readonly<Record<string, RouteCase>> = {
  ...identity,
  ...catalogue,
  ...cart,
  ...buying,
  ...operations,
}
