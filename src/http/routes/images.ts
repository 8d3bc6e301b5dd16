/** Pictures of products: announced here, uploaded to the store, shown to all. */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ImageTarget, ManageImages } from '../../flows/sell/manage-images.ts'
import type { ImageRow } from '../../images/image-repository.ts'
import { sizesOf } from '../../images/images-of.ts'
import { announceBody, imageParams, imageSchema, uploadSchema } from '../schemas/image.ts'
import { problemResponses } from '../schemas/problem.ts'
import { authenticate, principalOf, requirePermission } from '../server/session.ts'

const tags = ['catalogue']
const security = [{ bearer: [] }]
const onRequest = [authenticate, requirePermission('products:write')]
const productParams = imageParams.pick({ id: true })

export interface ImageRouteDeps {
  readonly images: ManageImages
  /** Of this server as clients see it; empty: what they asked for. */
  readonly publicUrl: string
}

export function imageRoutes(deps: ImageRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    await scope.register(announcing(deps))
    await scope.register(keeping(deps))
  }
}

function announcing({ images, publicUrl }: ImageRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.post(
      '/api/products/:id/images',
      {
        onRequest,
        schema: {
          tags,
          security,
          summary: 'Announce an image and get an upload URL',
          description:
            'Send the file with the method, the URL and the headers of `upload`. A job checks and resizes it. ' +
            'The shop shows it when its `status` is `ready`.',
          params: productParams,
          body: announceBody,
          response: {
            201: z.object({ image: imageSchema, upload: uploadSchema }),
            ...problemResponses(400, 401, 403, 404, 503),
          },
        },
      },
      async (request, reply) => {
        const { image, upload } = await images.announce(
          target(request, request.params.id),
          request.body,
        )
        const { method, headers, expiresAt } = upload
        const base = publicUrl || `${request.protocol}://${request.host}`
        const url = upload.url.startsWith('/') ? `${base}${upload.url}` : upload.url
        return reply.code(201).send({
          image: shown(image, publicUrl),
          upload: { url, method, headers: { ...headers }, expiresAt: expiresAt.toISOString() },
        })
      },
    )

    app.get(
      '/api/products/:id/images',
      {
        onRequest,
        schema: {
          tags,
          security,
          summary: 'List the images of your product, refused ones included',
          params: productParams,
          response: {
            200: z.object({ items: z.array(imageSchema), nextCursor: z.null() }),
            ...problemResponses(401, 403, 404),
          },
        },
      },
      async (request) => {
        const rows = await images.list(target(request, request.params.id))
        return { items: rows.map((row) => shown(row, publicUrl)), nextCursor: null }
      },
    )
  }
}

function keeping({ images, publicUrl }: ImageRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.post(
      '/api/products/:id/images/:imageId/complete',
      {
        onRequest,
        schema: {
          tags,
          security,
          summary: 'Report that the upload is done',
          description: 'Optional. Without it, the service notices the upload within seconds.',
          params: imageParams,
          response: {
            202: z.object({ image: imageSchema }),
            ...problemResponses(400, 401, 403, 404, 409, 503),
          },
        },
      },
      async (request, reply) => {
        const { id, imageId } = request.params
        const image = await images.complete(target(request, id), imageId)
        return reply.code(202).send({ image: shown(image, publicUrl) })
      },
    )

    app.delete(
      '/api/products/:id/images/:imageId',
      {
        onRequest,
        schema: {
          tags,
          security,
          summary: 'Remove an image',
          params: imageParams,
          response: {
            204: z.null().describe('The image is removed'),
            ...problemResponses(400, 401, 403, 404, 503),
          },
        },
      },
      async (request, reply) => {
        const { id, imageId } = request.params
        await images.remove(target(request, id), imageId)
        return reply.code(204).send(null)
      },
    )
  }
}

function target(request: FastifyRequest, product: string): ImageTarget {
  return { product, sellerId: principalOf(request).id }
}

function shown(row: ImageRow, publicUrl: string): z.infer<typeof imageSchema> {
  const { id, fileId, status, reason, contentType, bytes, width, height } = row
  const sizes = status === 'ready' ? sizesOf(publicUrl, fileId) : []
  return { id, status, reason, contentType, bytes, width, height, sizes }
}
