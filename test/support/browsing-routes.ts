/** The lines of the table for accounts, products and carts. */
import { newId } from '../../src/kernel/ids.ts'
import { emailOf, peoplePassword } from './people.ts'
import { admins, buyers, everyone, itsSeller, open, type RouteCase, sellers } from './route-case.ts'

export const identity: Readonly<Record<string, RouteCase>> = {
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
  'PATCH /api/me/mails': {
    answers: [401, 200, 200, 200, 200, 200],
    call: () => ({ path: '/api/me/mails', body: { language: 'de', sales: 'each' } }),
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

export const catalogue: Readonly<Record<string, RouteCase>> = {
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

export const cart: Readonly<Record<string, RouteCase>> = {
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
