import type { FastifyInstance } from 'fastify'
import { Histogram } from 'prom-client'
import type { Registry } from '../../platform/telemetry/metrics.ts'

/**
 * Measures every route under `app` that is registered after it and serves the registry at /metrics. Each
 * route has a hook of its own that knows its names, so a request looks nothing up but its status.
 */
export function measureRequests(app: FastifyInstance, registry: Registry): void {
  const durations = new Histogram({
    name: 'sluice_http_request_duration_seconds',
    help: 'Time from the request line to the end of the answer',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  })
  app.addHook('onRoute', (route) => {
    const method = [route.method].flat().join(',')
    const byStatus = new Map<number, Histogram.Internal<'method' | 'route' | 'status'>>()
    // The HEAD route that comes with a GET is given the hooks of the GET: its measure would count twice.
    const present = [route.onResponse ?? []].flat().filter((hook) => hook.name !== 'measure')
    route.onResponse = [
      ...present,
      function measure(_request, reply, done) {
        const status = reply.statusCode
        let duration = byStatus.get(status)
        if (!duration) {
          duration = durations.labels({ method, route: route.url, status: String(status) })
          byStatus.set(status, duration)
        }
        duration.observe(reply.elapsedTime / 1000)
        done()
      },
    ]
  })
  app.register(async (scope) => {
    scope.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
      reply.header('content-type', registry.contentType)
      return registry.metrics()
    })
  })
}
