/** Typed Lua commands: one file, one command, one contract in its header. The grammar is in lua/README.md. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { AssertionError } from '../../kernel/assert.ts'
import type { RedisClient } from './client.ts'

const luaFolder = fileURLToPath(new URL('../../../lua/', import.meta.url))

export type ScriptArgument = string | number

export interface ScriptContract<Key extends string, Arg extends string, Reply> {
  /** Path below `lua/`, without the ending. */
  readonly file: string
  readonly keys: readonly Key[]
  /** The fixed arguments, in order; a script may take any number of further ones. */
  readonly args: readonly Arg[]
  /** One decoder per REPLY tag; all of its items arrive as strings. */
  readonly reply: Readonly<Record<string, (...items: string[]) => Reply>>
}

export type Script<Key extends string, Arg extends string, Reply> = ((
  client: RedisClient,
  keys: Readonly<Record<Key, string>>,
  args: Readonly<Record<Arg, ScriptArgument>>,
  rest?: readonly ScriptArgument[],
) => Promise<Reply>) & { readonly contract: ScriptContract<Key, Arg, Reply> }

type Command = (...args: ScriptArgument[]) => Promise<(string | number)[]>

/**
 * Makes a typed function of a Lua file. Called with names, it sends positions; the reply's first item is
 * a tag that picks the decoder. Redis errors reject as they come; an unknown tag is an assertion.
 * Never put such a call in a pipeline with something it must be ordered with: after NOSCRIPT the client
 * sends it again on its own.
 */
export function defineScript<const Key extends string, const Arg extends string, Reply>(
  contract: ScriptContract<Key, Arg, Reply>,
): Script<Key, Arg, Reply> {
  const lua = loadScript(contract.file)
  const name = `sluice:${contract.file}`
  const run = async (
    client: RedisClient,
    keys: Readonly<Record<Key, string>>,
    args: Readonly<Record<Arg, ScriptArgument>>,
    rest: readonly ScriptArgument[] = [],
  ): Promise<Reply> => {
    const commands = client as unknown as Record<string, Command | undefined>
    if (commands[name] === undefined) {
      client.defineCommand(name, { lua, numberOfKeys: contract.keys.length })
    }
    const positions: ScriptArgument[] = []
    for (const key of contract.keys) positions.push(keys[key])
    for (const arg of contract.args) positions.push(args[arg])
    for (const item of rest) positions.push(item)
    const [tag, ...items] = await (commands[name] as Command).apply(client, positions)
    const decode = contract.reply[String(tag)]
    if (!decode) throw new AssertionError(`${contract.file}: unknown reply ${String(tag)}`)
    return decode(...(items as string[]).map(String))
  }
  return Object.assign(run, { contract })
}

/** Reads a script and puts its includes (`--- @include lib/name`) in front, each once. */
export function loadScript(file: string): string {
  const parts: string[] = []
  const seen = new Set<string>()
  const add = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path))
      throw new AssertionError(`lua: ${[...trail, path].join(' → ')} is a cycle`)
    if (seen.has(path)) return
    seen.add(path)
    const text = readFileSync(`${luaFolder}${path}.lua`, 'utf8')
    for (const match of text.matchAll(/^--- @include (\S+)$/gm))
      add(match[1] as string, [...trail, path])
    parts.push(text)
  }
  add(file, [])
  return parts.join('\n')
}
