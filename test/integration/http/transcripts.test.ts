// What every route answers, and every problem, compared to the letter with the files in test/golden. A
// change of them is looked at like a change of code: it is what users of the API see.
//
//     UPDATE_GOLDEN=1 npm test -- test/integration/http/transcripts.test.ts
//
// writes the files anew. Ids, tokens and times are placeholders in them, numbered in the order in which they
// are first seen; the texts of problems are listed at the end of each.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problems } from '../../../src/kernel/errors.ts'
import { readOperations } from '../../support/openapi.ts'
import { routeTable } from '../../support/route-table.ts'
import { areas } from '../../support/transcripts/areas/all.ts'
import { expectGolden, goldenFiles } from '../../support/transcripts/golden.ts'
import { describeOpenApi } from '../../support/transcripts/openapi-text.ts'
import { openStage } from '../../support/transcripts/stage.ts'

/** Routes that the description leaves out. */
const undescribed = ['GET /openapi.json', 'GET /docs/', 'GET /metrics']

/** Problems that no request can bring about on a shop that works, with the reason. */
const notPlayed: Readonly<Record<string, string>> = {
  internal: 'answers a fault of ours that nobody knows yet',
  not_acceptable: 'no route chooses between representations; it stands for plugins that do',
}

const fileOf = (area: string) => `${area}.txt`
const described = ['openapi.txt', 'openapi-words.txt']

test('every route and every problem answers as it did before', async (t) => {
  const stage = await openStage(t)
  const { recorder, system } = stage
  const operations = [...(await readOperations(system)).keys()]
  const description = describeOpenApi(await (await fetch(`${system.url}/openapi.json`)).text())
  await t.test('the description for programs', () => expectGolden('openapi.txt', description.shape))
  await t.test('the words of the description', () => {
    expectGolden('openapi-words.txt', description.words)
  })
  for (const [area, script] of Object.entries(areas)) {
    await t.test(area, async () => {
      recorder.enter(area)
      await script(stage)
      expectGolden(fileOf(area), recorder.text)
    })
  }
  await t.test('no route is left out', () => {
    const routes = new Set([...operations, ...Object.keys(routeTable), ...undescribed])
    const calls = [...recorder.calls]
    const missing = [...routes].filter((route) => !calls.some((call) => isOf(route, call)))
    assert.deepEqual(missing, [])
  })
  await t.test('no problem is left out', () => {
    const expected = Object.keys(problems).filter((code) => !Object.hasOwn(notPlayed, code))
    assert.deepEqual([...recorder.codes].sort(), expected.sort())
  })
  await t.test('no golden file is left over', () => {
    const files = [...Object.keys(areas).map(fileOf), ...described]
    assert.deepEqual(goldenFiles(), files.sort())
  })
})

/** Whether a call is one of a route, as `GET /api/orders/7` is of `GET /api/orders/{id}`. */
function isOf(route: string, call: string): boolean {
  const [routeParts, callParts] = [route.split('/'), call.split('/')]
  return (
    routeParts.length === callParts.length &&
    routeParts.every((part, index) => part.startsWith('{') || part === callParts[index])
  )
}
