/** The tools of development: the whole shop on this machine, its demo data, and the payment simulator alone. */
import '../src/config/node-version.ts'
import { ConfigError, loadConfig } from '../src/config/config.ts'
import { MigrationRefused } from '../src/platform/postgres/migrate.ts'
import { complain, runProgram, serve } from '../src/system/run-role.ts'
import { verify } from '../src/system/verify.ts'
import { DataDirInUse } from './data-lock.ts'
import { StartRefused } from './embedded.ts'
import { seed } from './seed.ts'
import { JournalDamaged } from './simulator/journal.ts'
import { SimulatorRefused, startSimulator } from './simulator/start-simulator.ts'
import { simulatorOptions } from './simulator-options.ts'
import { up } from './up.ts'
import { withStores } from './with-stores.ts'

await runProgram(
  {
    usage: 'usage: node dev/main.ts start | seed | stripe | verify',
    roles: {
      start: up,
      seed,
      stripe: () => serve(() => startSimulator(simulatorOptions(loadConfig()))),
      // As the service's, and also on the stores of DATA_DIR, which are started for it when they do not run.
      verify: (args) =>
        verify(args, () => {
          const config = loadConfig()
          return { config, lend: (use) => withStores(config, complain, use) }
        }),
    },
    expected: [
      ConfigError,
      MigrationRefused,
      StartRefused,
      DataDirInUse,
      SimulatorRefused,
      JournalDamaged,
    ],
  },
  process.argv.slice(2),
)
