/** The command `migrate`: forward, one step back, or only a look. */
import { ConfigError, loadConfig } from '../config/config.ts'
import { MigrationRefused, migrate, migrateDown } from '../platform/postgres/migrate.ts'
import { readSchema, withClient } from '../platform/postgres/schema.ts'
import { type Role, say } from './run-role.ts'

export const migrateRole: Role = {
  command: 'npm run migrate',
  words: ['up', 'down', 'status'],
  flags: { yes: { type: 'boolean' } },
  help: `Brings the database at DATABASE_URL to the schema of this release.

  up       applies what is pending (without a word, too)
  down     takes the last migration back, with the data that only it has room for
  status   lists what is applied and what is pending; changes nothing
  --yes    lets down run with NODE_ENV=production

Stop API and worker first: they run on the schema of their own release only.`,
  async run(line) {
    const { DATABASE_URL: url, NODE_ENV } = loadConfig()
    if (!url) throw new ConfigError('DATABASE_URL: is not set')
    if (line.word === 'status') return status(url)
    if (line.word === 'down') {
      if (NODE_ENV === 'production' && !line.has('yes')) {
        throw new MigrationRefused(
          'migrate down can lose data and is refused in production: add --yes to do it',
        )
      }
      const name = await migrateDown(url)
      say(name === undefined ? 'no migration is applied' : `taken back: ${name}`)
      return 0
    }
    const applied = await migrate(url, say)
    if (applied.length === 0) say('the database is up to date')
    return 0
  },
}

async function status(url: string): Promise<number> {
  const { applied, pending, unknown } = await withClient(url, (client) => readSchema(client))
  for (const name of applied) {
    say(unknown.includes(name) ? `unknown  ${name} (of a newer release)` : `applied  ${name}`)
  }
  for (const name of pending) say(`pending  ${name}`)
  return 0
}
