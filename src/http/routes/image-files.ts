/** The files themselves: sizes to all, and uploads where they are kept on this server's disk. */
import { Readable } from 'node:stream'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { type DiskStore, WrongLength } from '../../images/disk-store.ts'
import { imageLimits, imageWidths, isImageType } from '../../images/image-limits.ts'
import type { ImageStore } from '../../images/store.ts'
import type { UploadSignatures } from '../../images/upload-signature.ts'
import type { Clock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { problemResponses } from '../schemas/problem.ts'
import { sendProblem } from '../server/problem.ts'

const tags = ['catalogue']
const redirectSeconds = 1_800
const files = imageWidths.map((width) => `${width}.webp`) as [string, ...string[]]

/** GET /images/:id/:file. A size never changes, so everybody may keep it for ever. */
export function imageFileRoutes(deps: { readonly store: ImageStore }): FastifyPluginAsync {
  return async (scope) => {
    scope.withTypeProvider<ZodTypeProvider>().get(
      '/images/:id/:file',
      {
        schema: {
          tags,
          summary: 'Get an image in one of its sizes',
          params: z.object({ id: z.uuid().toLowerCase(), file: z.enum(files) }),
          response: {
            200: z.unknown().describe('image/webp'),
            302: z.unknown().describe('The image is in the bucket; follow the redirect'),
            304: z.unknown().describe('Not modified; an image never changes'),
            ...problemResponses(400, 404, 503),
          },
        },
      },
      async (request, reply) => {
        const { id, file } = request.params
        const width = imageWidths.find((each) => file === `${each}.webp`) ?? imageWidths[0]
        const shown = await deps.store.show(id, width)
        if (!shown) return sendProblem(request, reply, 'not_found', 'There is no such image.')
        // Pages of other origins may show it.
        reply.header('cross-origin-resource-policy', 'cross-origin')
        if (shown.kind === 'elsewhere') {
          reply.header('cache-control', `public, max-age=${redirectSeconds}`)
          return reply.redirect(shown.url, 302)
        }
        const etag = `"${id}-${width}"`
        reply.header('cache-control', 'public, max-age=31536000, immutable').header('etag', etag)
        if (request.headers['if-none-match'] === etag) return reply.code(304).send()
        reply.header('content-type', 'image/webp').header('content-length', shown.bytes)
        // An empty stream keeps the length of the file in the headers; the framework takes no null for HEAD.
        return reply.send(request.method === 'HEAD' ? Readable.from([]) : shown.open())
      },
    )
  }
}

export interface UploadRouteDeps {
  readonly store: DiskStore
  readonly signatures: UploadSignatures
  readonly clock: Clock
  /** Whether a picture of this id waits for its file. */
  readonly isExpected: (id: string) => Promise<boolean>
  /** Runs when a file has arrived. */
  readonly onUploaded: (id: string) => Promise<unknown>
}

/** PUT /uploads/:id, for whoever holds a URL that was signed for this file. */
export function uploadRoutes(deps: UploadRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    scope.withTypeProvider<ZodTypeProvider>().put(
      '/uploads/:id',
      {
        schema: {
          tags,
          summary: 'Upload an image to a signed URL',
          description: 'Use the URL and the headers that the announcement of the image returned.',
          params: z.object({ id: z.uuid().toLowerCase() }),
          querystring: z.object({
            expires: z.coerce.number().int().min(0).max(9_999_999_999),
            signature: z.string().regex(/^[\w-]{43}$/),
          }),
          response: {
            204: z.null().describe('The file has arrived'),
            ...problemResponses(400, 403, 409, 503),
          },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const bytes = signedBytes(deps, request, { id, ...request.query })
        if (!(await deps.isExpected(id))) {
          throw new AppError(
            'invalid_transition',
            'This image was already uploaded, or was removed.',
          )
        }
        try {
          await deps.store.receive({ id, bytes }, request.body as Readable)
        } catch (error) {
          if (!(error instanceof WrongLength)) throw error
          throw new AppError(
            'validation_failed',
            'The length of the body is not the announced one.',
          )
        }
        await deps.onUploaded(id)
        return reply.code(204).send(null)
      },
    )
  }
}

/** How long the body may be that the URL is signed for. @throws AppError forbidden: it is not, or not any more. */
function signedBytes(
  { signatures, clock }: Pick<UploadRouteDeps, 'signatures' | 'clock'>,
  { headers }: Pick<FastifyRequest, 'headers'>,
  {
    id,
    expires,
    signature,
  }: { readonly id: string; readonly expires: number; readonly signature: string },
): number {
  const contentType = headers['content-type'] ?? ''
  const bytes = Number(headers['content-length'] ?? Number.NaN)
  const signed =
    isImageType(contentType) &&
    Number.isSafeInteger(bytes) &&
    bytes <= imageLimits.bytes &&
    signatures.matches({ id, contentType, bytes }, expires, signature)
  if (!signed) {
    throw new AppError('forbidden', 'This URL is not signed for a file of this type and length.')
  }
  if (expires * 1000 <= clock.now()) {
    throw new AppError('forbidden', 'This URL has expired. Announce the image again.')
  }
  return bytes
}
