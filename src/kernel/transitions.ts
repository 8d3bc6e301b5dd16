/** A life cycle as a table: from each state, the states that may follow. */
import { AppError } from './errors.ts'

export interface Transitions<State extends string> {
  readonly states: readonly State[]
  canMove(from: State, to: State): boolean
  /** Returns `to`; throws `invalid_transition` when the table does not allow it. */
  move(from: State, to: State): State
  /** True when nothing follows. */
  terminal(state: State): boolean
}

/** `what` begins the sentence of a refusal, as in "A shipment". */
export function defineTransitions<const State extends string>(
  what: string,
  table: Readonly<Record<State, readonly NoInfer<State>[]>>,
): Transitions<State> {
  const canMove = (from: State, to: State) => table[from].includes(to)
  return {
    states: Object.keys(table) as State[],
    canMove,
    move(from, to) {
      if (canMove(from, to)) return to
      throw new AppError('invalid_transition', `${what} that is ${from} cannot become ${to}.`)
    },
    terminal: (state) => table[state].length === 0,
  }
}
