/** Everything is wired here, by hand, on one page. */
import { createServer } from 'node:http'
import type { ConnectedConfig } from './config.ts'

/** Starts the HTTP server. Resolves when it listens. */
export async function startApi(
  config: ConnectedConfig,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ status: 'ok' }))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(config.PORT, config.HOST, resolve)
  })
  return {
    url: `http://${config.HOST}:${config.PORT}`,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

/** Starts the actors of this process's partitions. */
export async function startWorker(_config: ConnectedConfig): Promise<{ stop(): Promise<void> }> {
  return { stop: async () => {} }
}
