/** The test files that need no store, in one process: to start one for each costs more than their tests do. */
import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))

for (const file of globSync('{unit,tidy}/**/*.test.ts', { cwd: here }).sort()) {
  await import(`./${file}`)
}
