/** The service: one program, one role a process. */
import './config/node-version.ts'
import { ConfigError, loadConfig, requireStores } from './config/config.ts'
import { MigrationRefused, migrate } from './platform/postgres/migrate.ts'
import { startApi } from './system/api.ts'
import { runProgram, say, serve } from './system/run-role.ts'
import { verify } from './system/verify.ts'
import { startWorker } from './system/worker.ts'

await runProgram(
  {
    usage: 'usage: node src/main.ts api | worker | migrate | verify',
    roles: {
      api: () => serve(() => startApi(requireStores(loadConfig()))),
      worker: () => serve(() => startWorker(requireStores(loadConfig()))),
      migrate: async () => {
        const { DATABASE_URL } = loadConfig()
        if (!DATABASE_URL) throw new ConfigError('DATABASE_URL: is not set')
        const applied = await migrate(DATABASE_URL, say)
        if (applied.length === 0) say('the database is up to date')
        return 0
      },
      verify: (args) =>
        verify(args, () => {
          const config = requireStores(loadConfig())
          const { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl } = config
          return { config, lend: (use) => use({ databaseUrl, redisUrl }) }
        }),
    },
    expected: [ConfigError, MigrationRefused],
  },
  process.argv.slice(2),
)
