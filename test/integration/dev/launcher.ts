/** A launcher that a test can kill: starts both stores in argv[2], says their addresses, and waits. */
import { startServices } from '../../../dev/services.ts'

try {
  const services = await startServices({ dataDir: process.argv[2] ?? '', log: () => {} })
  const { databaseUrl, redisUrl, processes } = services
  process.stdout.write(`${JSON.stringify({ databaseUrl, redisUrl, processes })}\n`)
  setInterval(() => {}, 60_000)
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
