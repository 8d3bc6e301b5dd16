// What is not written here, each with what to write instead. Searched in every file, comments left out.
import assert from 'node:assert/strict'
import test from 'node:test'
import { type SourceFile, sourceFiles, withoutComments } from '../support/sources.ts'

interface Ban {
  readonly what: string
  readonly pattern: RegExp
  readonly instead: string
  /** Beginnings of paths where it is right. */
  readonly allowed?: readonly string[]
}

const inPrograms: readonly Ban[] = [
  {
    what: 'process.env',
    pattern: /\bprocess\.env\b/,
    instead: 'src/config/config.ts',
    // Launchers hand their environment on to the parts they start.
    allowed: ['src/config/config.ts', 'dev/'],
  },
  {
    what: 'a clock of its own',
    pattern: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bprocess\.hrtime\b/,
    instead: 'Clock of src/kernel/clock.ts',
    allowed: ['src/kernel/clock.ts'],
  },
  {
    what: 'a timer of its own',
    pattern: /\b(setTimeout|setInterval)\(/,
    instead: 'Clock of src/kernel/clock.ts',
    allowed: ['src/kernel/clock.ts'],
  },
  {
    what: 'Math.random',
    pattern: /\bMath\.random\b/,
    instead: 'a source of randomness that is handed in',
    allowed: ['src/kernel/'],
  },
  {
    what: 'the real clock or real randomness',
    pattern: /\b(systemClock|systemRandom)\b/,
    instead: 'a Clock or a Random that is handed in',
    // Who connects the parts hands them in.
    allowed: ['src/kernel/clock.ts', 'src/kernel/random.ts', 'src/system/', 'src/main.ts', 'dev/'],
  },
  {
    what: 'randomness of its own',
    pattern: /\b(randomInt|randomUUID)\b/,
    instead: 'Random of src/kernel/random.ts, or newId of src/kernel/ids.ts',
    allowed: ['src/kernel/'],
  },
  { what: 'console', pattern: /\bconsole\./, instead: 'the logger' },
  {
    what: 'process.exit',
    pattern: /\bprocess\.exit\(/,
    instead: 'an error that reaches the entry',
    allowed: ['src/system/run-role.ts', 'dev/up.ts'],
  },
  {
    what: 'await import',
    pattern: /\bawait import\(/,
    instead: 'an import at the top',
    // The S3 client and the image library take 40 and 26 MB: only who uses them loads them.
    allowed: ['src/images/', 'dev/demo-pictures.ts'],
  },
  { what: 'sql.unsafe', pattern: /\bsql\.unsafe\b/, instead: 'sql.type(schema)' },
]

const everywhere: readonly Ban[] = [
  { what: 'any', pattern: /(:|\bas|<|\|)\s*any\b(?!\s*[a-z])/, instead: 'unknown and a check' },
  {
    what: 'as unknown as',
    pattern: /\bas unknown as\b/,
    instead: 'a type that fits',
    // ioredis does not type the commands that defineCommand adds.
    allowed: ['src/platform/redis/script.ts'],
  },
  { what: 'enum', pattern: /^\s*(export\s+)?(const\s+)?enum\s/m, instead: 'a union of texts' },
  { what: 'export default', pattern: /^export default\b/m, instead: 'a named export' },
  { what: 'only', pattern: /\b(test|it|describe)\.only\(|\bonly: true\b/, instead: 'all tests' },
  {
    what: 'a passing over of types',
    pattern: /@ts-(ignore|nocheck|expect-error)/,
    instead: 'a type',
  },
]

const besideTheService: readonly Ban[] = [
  {
    what: 'SQL over the rows of purchases',
    pattern: /\b(from|join|into|update|table) (orders|order_lines|order_history)\b/,
    instead: 'a function of test/support/purchases or bench/ground/orders.ts',
    allowed: [
      'test/support/purchases/',
      'bench/ground/orders.ts',
      'dev/write-orders.ts',
      'test/tidy/order-writes.test.ts',
    ],
  },
]

const notes: readonly Ban[] = [
  { what: 'a note to oneself', pattern: /\b(TODO|FIXME|HACK)\b/, instead: 'doing it' },
  {
    what: 'a path of one machine',
    pattern: /(\/work\/|\/root\/|\/home\/\w)/,
    instead: 'a relative path',
  },
]

function breaches(files: readonly SourceFile[], bans: readonly Ban[], comments: boolean): string[] {
  return files.flatMap(({ path, text }) => {
    const lines = (comments ? text : withoutComments(text)).split('\n')
    return bans
      .filter(({ allowed = [] }) => !allowed.some((start) => path.startsWith(start)))
      .flatMap(({ what, pattern, instead }) =>
        lines.flatMap((line, index) =>
          pattern.test(line) ? [`${path}:${index + 1}: ${what}; instead: ${instead}`] : [],
        ),
      )
  })
}

// This file has to name what it forbids.
const others = (files: SourceFile[]) =>
  files.filter(({ path }) => path !== 'test/tidy/banned.test.ts')

test('src and dev take settings, time, randomness and endings from where they belong', () => {
  assert.deepEqual(breaches(sourceFiles(['src', 'dev']), inPrograms, false), [])
})

test('types are neither passed over nor made up, and no test runs alone', () => {
  const files = others(sourceFiles(['src', 'dev', 'bench', 'test']))
  assert.deepEqual(breaches(files, everywhere, false), [])
})

test('tests, benchmarks and seeds know in a few places only how purchases are stored', () => {
  const files = others(sourceFiles(['dev', 'bench', 'test']))
  assert.deepEqual(breaches(files, besideTheService, false), [])
})

test('no file holds a note to oneself or a path of one machine', () => {
  const files = others(
    sourceFiles(
      ['src', 'dev', 'bench', 'test', 'scripts', 'lua', 'migrations'],
      ['.ts', '.mjs', '.lua', '.sql'],
    ),
  )
  assert.deepEqual(breaches(files, notes, true), [])
})
