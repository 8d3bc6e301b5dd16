import type { FastifyInstance } from 'fastify'
import { sendProblem } from './problem.ts'

interface KnownPath {
  readonly pattern: RegExp
  readonly methods: Set<string>
}

/** Unknown paths are 404; a known path with another method is 405 with Allow. Looked up only then. */
export function handleUnknownPaths(app: FastifyInstance): void {
  const known = new Map<string, KnownPath>()
  app.addHook('onRoute', (route) => {
    const path = known.get(route.url) ?? { pattern: patternOf(route.url), methods: new Set() }
    known.set(route.url, path)
    for (const method of [route.method].flat()) path.methods.add(method)
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? ''
    const methods = new Set<string>()
    for (const { pattern, methods: allowed } of known.values()) {
      if (pattern.test(path)) for (const method of allowed) methods.add(method)
    }
    // A path with a wildcard is known, and may all the same lead nowhere.
    if (methods.size === 0 || methods.has(request.method)) {
      return sendProblem(request, reply, 'not_found', 'No route has this path.')
    }
    const allow = [...methods].sort().join(', ')
    reply.header('allow', allow)
    return sendProblem(request, reply, 'method_not_allowed', `This path accepts only ${allow}.`)
  })
}

function patternOf(url: string): RegExp {
  const source = url
    .split('/')
    .map((part) => {
      if (part === '*') return '.*'
      return part.startsWith(':') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    })
    .join('/')
  return new RegExp(`^${source}$`)
}
