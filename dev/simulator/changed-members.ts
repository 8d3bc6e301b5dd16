/** What an event tells of before: `previous_attributes`. */

/** The members of `now` that were otherwise in `before`, as they were; of an object inside, again its members. */
export function changedMembers(before: object, now: object): Readonly<Record<string, unknown>> {
  const old = new Map(Object.entries(before))
  const names = new Set([...old.keys(), ...Object.keys(now)])
  const changed = [...names].flatMap((name): [string, unknown][] => {
    const was: unknown = old.get(name) ?? null
    const is: unknown = Reflect.get(now, name) ?? null
    if (JSON.stringify(was) === JSON.stringify(is)) return []
    return [[name, isPlain(was) && isPlain(is) ? changedMembers(was, is) : was]]
  })
  return Object.fromEntries(changed)
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
