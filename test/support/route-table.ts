/**
 * Every route of the shop: a good call of it, and what each kind of caller is answered to that call. The
 * permission matrix and the generated bad input are made from this one table, and a route that is not in
 * it fails both.
 */
import { newId } from '../../src/kernel/ids.ts'
import { cart, catalogue, identity } from './browsing-routes.ts'
import {
  admins,
  buyers,
  everyone,
  itsBuyer,
  itsSeller,
  key,
  open,
  type RouteCase,
  sellers,
} from './route-case.ts'

export type { RouteCase } from './route-case.ts'

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
  'POST /api/orders/{id}/refunds': {
    answers: [401, 403, 403, 202, 404, 202],
    call: async ({ paid }) => ({
      path: `/api/orders/${await paid()}/refunds`,
      body: { restock: false, reason: 'broken' },
      headers: key(),
    }),
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
  'GET /api/ops/payments': {
    answers: admins(200),
    call: () => ({ path: '/api/ops/payments' }),
  },
  'GET /api/ops/refunds': { answers: admins(200), call: () => ({ path: '/api/ops/refunds' }) },
  'POST /api/ops/refunds/{id}/retry': {
    answers: admins(404),
    call: () => ({ path: `/api/ops/refunds/${newId()}/retry` }),
  },
  'GET /api/ops/disputes': { answers: admins(200), call: () => ({ path: '/api/ops/disputes' }) },
  'POST /api/ops/disputes/{id}/clear': {
    answers: admins(404),
    call: () => ({ path: '/api/ops/disputes/issfr_unknown/clear' }),
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
