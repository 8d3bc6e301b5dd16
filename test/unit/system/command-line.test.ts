// What a command answers to words that it does not take.
import assert from 'node:assert/strict'
import test from 'node:test'
import { nearest, readCommandLine } from '../../../src/system/command-line.ts'

const accepted = {
  command: 'npm run thing',
  flags: { products: { type: 'string' }, json: { type: 'boolean' } },
  words: ['down', 'status'],
} as const

const read = (...args: string[]) => readCommandLine(args, accepted)

test('what a command takes is read in any order', () => {
  const line = read('--products', '20', 'down', '--json')
  assert.deepEqual(
    [line.word, line.value('products'), line.has('json'), line.help],
    ['down', '20', true, false],
  )
  assert.equal(read('--products=20').value('products'), '20')
  const empty = read()
  assert.deepEqual(
    [empty.word, empty.value('products'), empty.has('json'), empty.help],
    [undefined, undefined, false, false],
  )
  for (const flag of ['--help', '-h']) assert.equal(read(flag).help, true)
})

for (const [args, message] of [
  [
    ['--porducts', '5'],
    '--porducts: not known, did you mean --products? (npm run thing -- --help)',
  ],
  [['--jsno'], '--jsno: not known, did you mean --json? (npm run thing -- --help)'],
  [['--hlep'], '--hlep: not known, did you mean --help? (npm run thing -- --help)'],
  [['--zebra'], '--zebra: not known (npm run thing -- --help)'],
  [['-x'], '-x: not known (npm run thing -- --help)'],
  [['dwon'], 'dwon: not known, did you mean down? (npm run thing -- --help)'],
  [['stats'], 'stats: not known, did you mean status? (npm run thing -- --help)'],
  [['down', 'status'], 'down and status: one at a time'],
  [['--products'], '--products: a value is missing'],
  [['--json=yes'], '--json: takes no value'],
] as const) {
  test(`${args.join(' ')} is refused in one line`, () => {
    assert.throws(() => read(...args), { name: 'UsageError', message })
  })
}

test('a word is a slip of another only while most of it is right', () => {
  const known = ['--connections', '--duration', '--json', '--stock']
  assert.equal(nearest('--conections', known), '--connections')
  assert.equal(nearest('--STOCK', known), '--stock')
  assert.equal(nearest('stcok', known), '--stock')
  assert.equal(nearest('--jason', known), '--json')
  assert.equal(nearest('--ratio', known), undefined)
  assert.equal(nearest('--', known), undefined)
  assert.equal(nearest('', []), undefined)
})
