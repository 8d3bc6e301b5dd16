import type { FastifyInstance } from 'fastify'

/**
 * JSON is the only body. An empty one counts as none, whatever the content type says: many clients name
 * a content type on every DELETE. Routes that need a body refuse the missing one by their schema.
 */
export function parseJsonBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser(['text/plain', 'application/json'])
  app.addContentTypeParser<string>(
    'application/json',
    { parseAs: 'string' },
    (request, body, done) => {
      if (body.length === 0) done(null, undefined)
      else parse(request, body, done)
    },
  )
}
