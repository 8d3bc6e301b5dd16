// A table of moves allows what it lists and nothing else.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../../src/kernel/errors.ts'
import { defineTransitions } from '../../../src/kernel/transitions.ts'

const light = defineTransitions('A light', { red: ['green'], green: ['red', 'broken'], broken: [] })

test('only the moves of the table are possible', () => {
  const possible = light.states.flatMap((from) =>
    light.states.filter((to) => light.canMove(from, to)).map((to) => `${from} ${to}`),
  )
  assert.deepEqual(possible, ['red green', 'green red', 'green broken'])
})

test('a move returns the new state, and an illegal one is refused by name', () => {
  assert.equal(light.move('red', 'green'), 'green')
  assert.throws(
    () => light.move('broken', 'red'),
    (error) =>
      error instanceof AppError &&
      error.code === 'invalid_transition' &&
      error.message === 'A light that is broken cannot become red.',
  )
})

test('a state that nothing follows is terminal', () => {
  assert.deepEqual(
    light.states.map((state) => light.terminal(state)),
    [false, false, true],
  )
})
