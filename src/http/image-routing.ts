import type { FastifyPluginAsync } from 'fastify'
import type { DatabasePool } from 'slonik'
import type { Config } from '../config/config.ts'
import { manageImages } from '../flows/sell/manage-images.ts'
import { findImage, markUploaded } from '../images/image-repository.ts'
import type { OpenedStore } from '../images/open-store.ts'
import type { Clock } from '../kernel/clock.ts'
import { imageFileRoutes, uploadRoutes } from './routes/image-files.ts'
import { imageRoutes } from './routes/images.ts'

/** Every route about pictures; uploads only where this server is the store. */
export function allImageRoutes(deps: {
  readonly config: Config
  readonly pool: DatabasePool
  readonly opened: OpenedStore
  readonly clock: Clock
}): FastifyPluginAsync[] {
  const { config, pool, opened, clock } = deps
  const { store } = opened
  const routes = [
    imageRoutes({ images: manageImages({ pool, store }), publicUrl: config.PUBLIC_URL ?? '' }),
    imageFileRoutes({ store }),
  ]
  if (opened.kind !== 'disk') return routes
  const upload = uploadRoutes({
    store: opened.store,
    signatures: opened.signatures,
    clock,
    isExpected: async (id) => (await findImage(pool, id))?.status === 'pending',
    onUploaded: (id) => markUploaded(pool, id),
  })
  return [...routes, upload]
}
