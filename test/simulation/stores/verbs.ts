/** What is done around every call of a verb; `run` makes the call. */
export type Around = <T>(
  verb: string,
  args: readonly unknown[],
  run: () => Promise<T>,
) => Promise<T>

/** The same port, with something around each of its verbs. `port` is an instance of a class, or what this made of one. */
export function around<Port extends object>(port: Port, wrap: Around): Port {
  const wrapped = Object.create(null)
  for (const verb of verbsOf(port)) {
    const method: unknown = Reflect.get(port, verb)
    if (typeof method !== 'function') continue
    wrapped[verb] = (...args: unknown[]) =>
      wrap(verb, args, () => Reflect.apply(method, port, args))
  }
  return wrapped
}

/** The names of a port's verbs. */
export function verbsOf(port: object): string[] {
  const prototype: object | null = Object.getPrototypeOf(port)
  const plain = prototype === null || prototype === Object.prototype
  const names = Object.getOwnPropertyNames(plain ? port : prototype)
  const own = names.filter((name) => name !== 'constructor')
  return plain ? own : [...own, ...inherited(Object.getPrototypeOf(prototype))]
}

function inherited(prototype: object | null): string[] {
  return prototype === null || prototype === Object.prototype
    ? []
    : verbsOf(Object.create(prototype))
}
