// Who may call what: every route of the API's own description, called by everybody. What is not in the
// table fails.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readOperations } from '../../support/openapi.ts'
import { everybody, startPeople } from '../../support/people.ts'
import { routeTable } from '../../support/route-table.ts'

test('every route answers everybody as the table says', async (t) => {
  const people = await startPeople(t)
  const described = [...(await readOperations(people.system)).keys()]
  await t.test('no route is missing in the table, and none is there in vain', () => {
    assert.deepEqual(described.toSorted(), Object.keys(routeTable).toSorted())
  })
  for (const [route, { answers, call, fresh }] of Object.entries(routeTable)) {
    if (!described.includes(route)) continue
    await t.test(route, async () => {
      const [method = ''] = route.split(' ')
      const seen: Record<string, number> = {}
      const expected: Record<string, number> = {}
      const said: unknown[] = []
      for (const [index, who] of everybody.entries()) {
        const answer = await people.callAs(who, method, await call(people), fresh)
        seen[who] = answer.status
        expected[who] = answers[index] ?? 0
        if (seen[who] !== expected[who]) said.push(answer.body)
        if (answer.status >= 400) assert.equal(answer.body.status, answer.status)
      }
      assert.deepEqual(seen, expected, JSON.stringify(said))
    })
  }
})
