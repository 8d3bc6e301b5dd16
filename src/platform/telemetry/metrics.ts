import { collectDefaultMetrics, Registry } from 'prom-client'

export type { Registry }

/** Where a process keeps its measures; starts with those of the process itself (memory, event loop, GC). */
export function createRegistry(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  return registry
}
