/** The service: one program, one role a process. */
import './config/node-version.ts'
import { ConfigError, type ConnectedConfig, loadConfig, requireStores } from './config/config.ts'
import { systemClock } from './kernel/clock.ts'
import { MigrationRefused } from './platform/postgres/migrate.ts'
import { requireSchema, SchemaRefused } from './platform/postgres/schema.ts'
import { startApi } from './system/api.ts'
import { migrateRole } from './system/migrate-role.ts'
import { runProgram, serve } from './system/run-role.ts'
import { verifyRole } from './system/verify.ts'
import { startWorker } from './system/worker.ts'

/** How long a part waits at its start for a PostgreSQL that does not answer. */
const patienceMs = 30_000

/** Starts a part on the schema of this release, and on no other. */
function serveOnSchema(start: (config: ConnectedConfig) => Promise<{ stop(): Promise<void> }>) {
  return serve(async (signal) => {
    const config = requireStores(loadConfig())
    await requireSchema(config.DATABASE_URL, { clock: systemClock, patienceMs, signal })
    return start(config)
  })
}

await runProgram(
  {
    usage: 'usage: node src/main.ts api | worker | migrate | verify',
    roles: {
      api: {
        command: 'npm run api',
        help: `Serves HTTP at HOST and PORT until SIGTERM, on the stores at DATABASE_URL and REDIS_URL.
Settings are environment variables; .env.example lists them.`,
        run: () => serveOnSchema(startApi),
      },
      worker: {
        command: 'npm run worker',
        help: `Commits checkouts and runs background jobs until SIGTERM, on the stores at DATABASE_URL and REDIS_URL.
Any number share the work. Settings are environment variables; .env.example lists them.`,
        run: () => serveOnSchema(startWorker),
      },
      migrate: migrateRole,
      verify: verifyRole(() => {
        const config = requireStores(loadConfig())
        const { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl } = config
        return { config, lend: (use) => use({ databaseUrl, redisUrl }) }
      }),
    },
    expected: [ConfigError, MigrationRefused, SchemaRefused],
  },
  process.argv.slice(2),
)
