/** Products: looked for and looked at by all, kept by their sellers. */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Product } from '../../catalogue/product.ts'
import type { ListRequest, ProductList, ProductLists } from '../../catalogue/product-lists.ts'
import { sortOf } from '../../catalogue/product-lists.ts'
import type { ProductPages, WrittenPage } from '../../flows/browse/product-pages.ts'
import type { ManageProducts } from '../../flows/sell/manage-products.ts'
import { AppError } from '../../kernel/errors.ts'
import { isUuid } from '../../kernel/ids.ts'
import { problemResponses } from '../schemas/problem.ts'
import {
  addVariantsBody,
  createBody,
  editBody,
  productParams,
  productSchema,
  recommendationsQuery,
  recommendationsSchema,
  searchCursor,
  searchQuery,
  searchSchema,
} from '../schemas/products.ts'
import { readCursor, writeCursor } from '../server/cursor.ts'
import { etagOf, versionsIn } from '../server/if-match.ts'
import { answerError, sendProblem } from '../server/problem.ts'
import { authenticate, principalOf, requirePermission } from '../server/session.ts'

const tags = ['catalogue']
const bearer = [{ bearer: [] }]
const slugPattern = /^[a-z0-9-]{1,120}$/
const optionFiltersMax = 10

export interface ProductRouteDeps {
  readonly lists: ProductLists
  readonly pages: ProductPages
  readonly products: ManageProducts
}

export function productRoutes(deps: ProductRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    await scope.register(readRoutes(deps))
    await scope.register(textRoutes(deps))
    await scope.register(stockedRoutes(deps))
  }
}

function readRoutes({ lists, pages }: ProductRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.get(
      '/api/products',
      {
        schema: {
          tags,
          summary: 'Search products',
          description:
            'One variant must match all filters: `option.<name>=<value>` (repeat it to allow several values), ' +
            '`minPrice`, `maxPrice`, `inStock`. `priceFrom` and `inStock` of an item are about its matching ' +
            'variants. Facets count the products of all pages.',
          querystring: searchQuery,
          response: { 200: searchSchema, ...problemResponses(400, 429, 503) },
        },
      },
      async (request) => {
        const asked = listRequest(request.query)
        return foundPage(asked, await lists.search(asked))
      },
    )

    app.get(
      '/api/products/:id',
      {
        schema: {
          tags,
          summary: 'Get a product with its variants and their availability',
          params: productParams,
          response: { 200: productSchema, ...problemResponses(404, 429, 503) },
        },
        // A product's page is the most frequent answer of all, and isName says all there is to say of its id.
        validatorCompiler: () => (value) => ({ value }),
      },
      (request, reply) => {
        const { id } = request.params
        if (!isName(id)) return void noProduct(request, reply)
        const page = pages.read(id)
        if (!(page instanceof Promise)) return void sendPage(request, reply, page)
        page.then(
          (later) => sendPage(request, reply, later),
          (error: unknown) => answerError(error, request, reply),
        )
      },
    )

    app.get(
      '/api/products/:id/recommendations',
      {
        schema: {
          tags,
          summary: 'List products that go with a product',
          description:
            'Products bought together with it in paid orders, then similar ones, then popular ones. Each is in stock.',
          params: productParams,
          querystring: recommendationsQuery,
          response: { 200: recommendationsSchema, ...problemResponses(400, 404, 429, 503) },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const items = isName(id) ? await lists.recommendations(id, request.query.limit) : null
        if (!items) return noProduct(request, reply)
        return { items: [...items], nextCursor: null }
      },
    )
  }
}

const onRequest = [authenticate, requirePermission('products:write')]

/** Making a product, and editing what it says. */
function textRoutes({ products, pages }: ProductRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.post(
      '/api/products',
      {
        onRequest,
        schema: {
          tags,
          security: bearer,
          summary: 'Put a product on sale',
          description:
            'All variants have one currency. A SKU is unique in the whole shop and is never used again. A price above ' +
            '0 must be one that the payment provider charges.',
          body: createBody,
          response: { 201: productSchema, ...problemResponses(400, 401, 403, 409, 413, 415, 429) },
        },
      },
      async (request, reply) => {
        const { variants, ...texts } = request.body
        const product = await products.create(principalOf(request).id, texts, variants)
        reply.code(201).header('location', `/api/products/${product.id}`)
        return answer(pages, reply, product)
      },
    )

    app.patch(
      '/api/products/:id',
      {
        onRequest,
        schema: {
          tags,
          security: bearer,
          summary: 'Edit a product',
          description: editing,
          params: productParams,
          body: editBody,
          response: {
            200: productSchema,
            ...problemResponses(400, 401, 403, 404, 412, 413, 415, 429),
          },
        },
      },
      async (request, reply) =>
        answer(pages, reply, await products.edit(target(request, request.params.id), request.body)),
    )
  }
}

/** Adding what is sold, and taking it away. */
function stockedRoutes({ products, pages }: ProductRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.post(
      '/api/products/:id/variants',
      {
        onRequest,
        schema: {
          tags,
          security: bearer,
          summary: 'Add variants to a product',
          description: 'Send one variant, or several as `variants`. The answer is the product.',
          params: productParams,
          body: addVariantsBody,
          response: {
            201: productSchema,
            ...problemResponses(400, 401, 403, 404, 409, 412, 413, 415, 429),
          },
        },
      },
      async (request, reply) => {
        const { body } = request
        const variants = 'variants' in body ? body.variants : [body]
        const product = await products.addVariants(target(request, request.params.id), variants)
        reply.code(201)
        return answer(pages, reply, product)
      },
    )

    app.delete(
      '/api/products/:id',
      {
        onRequest,
        schema: {
          tags,
          security: bearer,
          summary: 'Archive a product',
          description:
            'Its orders stay as they are, and checkouts that were admitted before go on.',
          params: productParams,
          response: { 204: z.null(), ...problemResponses(401, 403, 404, 412, 429) },
        },
      },
      async (request, reply) => {
        await products.archive(target(request, request.params.id))
        return reply.code(204).send(null)
      },
    )
  }
}

const editing =
  'With `If-Match`, the edit happens only if the product still has that version (its ETag); otherwise 412 ' +
  '`stale_version`. A new price is for later checkouts only. To change stock, use ' +
  'POST /api/skus/:sku/stock.'

const jsonType = 'application/json; charset=utf-8'

/** What a search has found, and where its next page begins. */
function foundPage(asked: ListRequest, { items, next, facets }: ProductList) {
  const sort = sortOf(asked.sort, (asked.q ?? '').trim() !== '')
  return {
    items: [...items],
    nextCursor: next && writeCursor([sort, next.id, next.price, next.rank]),
    facets: facets && {
      category: [...facets.category],
      options: Object.fromEntries(
        Object.entries(facets.options).map(([name, values]) => [name, [...values]]),
      ),
      price: facets.price ?? { min: null, max: null },
    },
  }
}

/** The product as everybody sees it now. */
async function answer(
  pages: ProductPages,
  reply: FastifyReply,
  product: Product,
): Promise<FastifyReply> {
  const page = await pages.read(product.id)
  if (!page) throw new AppError('not_found', 'The product has been archived.')
  return reply.header('content-type', jsonType).header('etag', etagOf(page.version)).send(page.text)
}

function sendPage(
  request: FastifyRequest,
  reply: FastifyReply,
  page: WrittenPage | null,
): FastifyReply {
  if (!page) return noProduct(request, reply)
  return reply.header('content-type', jsonType).header('etag', etagOf(page.version)).send(page.text)
}

/** Whose product, and the version that they have seen. */
function target(request: FastifyRequest, idOrSlug: string) {
  if (!isName(idOrSlug)) throw new AppError('not_found', 'There is no such product.')
  return {
    idOrSlug,
    sellerId: principalOf(request).id,
    versions: versionsIn(request.headers['if-match']),
  }
}

function listRequest(query: z.infer<typeof searchQuery>): ListRequest {
  const { q, category, minPrice, maxPrice, inStock, sort, facets, limit, cursor } = query
  const options = Object.entries(query).flatMap(([key, value]) => {
    const name = key.startsWith('option.') ? key.slice('option.'.length) : ''
    if (name === '') return []
    return [[value].flat().map((each) => `${name}=${String(each)}`)]
  })
  if (options.length > optionFiltersMax) {
    const message = `At most ${optionFiltersMax} options`
    throw new AppError('validation_failed', `${message}.`, {
      errors: [{ path: 'option', message }],
    })
  }
  const last = readCursor(searchCursor, cursor)
  if (last && last[0] !== sortOf(sort, (q ?? '').trim() !== '')) {
    throw new AppError('validation_failed', 'The cursor belongs to another sort order.', {
      errors: [{ path: 'cursor', message: 'Must be a cursor of this sort order' }],
    })
  }
  const after = last && { id: last[1], price: last[2], inStock: true, rank: last[3] }
  return { q, category, minPrice, maxPrice, inStock, sort, facets, options, after, limit }
}

function isName(idOrSlug: string): boolean {
  return isUuid(idOrSlug) || slugPattern.test(idOrSlug)
}

function noProduct(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return sendProblem(request, reply, 'not_found', 'There is no such product.')
}
