// Titles as parts of URLs.
import assert from 'node:assert/strict'
import test from 'node:test'
import { slugOf } from '../../../src/catalogue/slug.ts'

test('a slug has lower-case letters, digits, and single dashes between them', () => {
  const cases = [
    ['Harbour T-Shirt', 'harbour-t-shirt'],
    ['  Crème Brûlée!  ', 'creme-brulee'],
    ['50% off -- now', '50-off-now'],
    ['日本', ''],
    ['x'.repeat(200), 'x'.repeat(80)],
    [`${'x'.repeat(79)} yes`, 'x'.repeat(79)],
  ] as const
  for (const [title, slug] of cases) assert.equal(slugOf(title), slug)
})
