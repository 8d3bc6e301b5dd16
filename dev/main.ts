/** The tools of development: the whole shop on this machine, its demo data, and the payment simulator alone. */
import '../src/config/node-version.ts'
import { ConfigError, loadConfig } from '../src/config/config.ts'
import { MigrationRefused } from '../src/platform/postgres/migrate.ts'
import { SchemaRefused } from '../src/platform/postgres/schema.ts'
import { complain, runProgram, serve } from '../src/system/run-role.ts'
import { verifyRole } from '../src/system/verify.ts'
import { DataDirInUse } from './data-lock.ts'
import { StartRefused } from './embedded.ts'
import { seedRole } from './seed.ts'
import { JournalDamaged } from './simulator/journal.ts'
import { SimulatorRefused, startSimulator } from './simulator/start-simulator.ts'
import { rateFlags, ratesOf, simulatorOptions } from './simulator-options.ts'
import { up } from './up.ts'
import { withStores } from './with-stores.ts'

await runProgram(
  {
    usage: 'usage: node dev/main.ts start | seed | stripe | verify',
    roles: {
      start: {
        command: 'npm start',
        help: `Starts the whole shop on this machine until Ctrl-C: stores of its own in DATA_DIR where DATABASE_URL and REDIS_URL are
not set, the payment simulator where STRIPE_SECRET_KEY is not, API and worker. Migrates first, and makes the demo shop.
Settings are environment variables; .env.example lists them.`,
        run: up,
      },
      seed: seedRole,
      stripe: {
        command: 'npm run stripe',
        help: `Runs the payment simulator at STRIPE_API_BASE until SIGTERM; its events go to the shop at PUBLIC_URL, else HOST and PORT.
With --per-second or --endpoint-per-second it answers more requests than so many with 429.
For development only: dev/simulator/README.md.`,
        flags: rateFlags,
        run: (line) =>
          serve(() =>
            startSimulator({ ...simulatorOptions(loadConfig()), rateLimits: ratesOf(line) }),
          ),
      },
      // As the service's, and also on the stores of DATA_DIR, which are started for it when they do not run.
      verify: verifyRole(() => {
        const config = loadConfig()
        return { config, lend: (use) => withStores(config, complain, use) }
      }),
    },
    expected: [
      ConfigError,
      MigrationRefused,
      SchemaRefused,
      StartRefused,
      DataDirInUse,
      SimulatorRefused,
      JournalDamaged,
    ],
  },
  process.argv.slice(2),
)
