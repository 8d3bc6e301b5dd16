import { createServer } from 'node:net'

/** With cluster mode, Redis also listens on its port + 10,000, so a port stays below this. */
const portMax = 55_535

/** A TCP port that nobody listens on at 127.0.0.1 right now. @throws Error when none is found. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const port = await anyPort()
    if (port <= portMax && (await isFree(port + 10_000))) return port
  }
  throw new Error('no free port on 127.0.0.1')
}

/** Whether a server could listen on `port` of `host` now. */
async function isFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return (await whyNotFree(port, host)) === undefined
}

/** The system's code for why nobody can listen there now (`EADDRINUSE`), or undefined. */
export function whyNotFree(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}

function anyPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port: 0, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address()
      const port = typeof address === 'object' && address ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}
