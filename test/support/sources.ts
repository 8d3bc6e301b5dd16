/** Reads the project's own files for the tests about the code. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface SourceFile {
  /** From the project's root, as in `src/kernel/clock.ts`. */
  readonly path: string
  readonly text: string
}

export interface Import {
  readonly from: string
  /** From the project's root, or a package's name. */
  readonly to: string
  /** Gone at run time. */
  readonly typeOnly: boolean
}

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Every file below `folders` with one of the endings, in order. */
export function sourceFiles(folders: readonly string[], endings = ['.ts']): SourceFile[] {
  return folders
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ path: path.slice(root.length), text: readFileSync(path, 'utf8') }))
}

/** The text with comments blanked out, line by line where it was. Knows no strings that look like comments. */
export function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/(^|[^:'"`\\])\/\/.*$/gm, '$1')
}

/** What a file imports or passes on, by its import and export statements. */
export function importsOf({ path, text }: SourceFile): Import[] {
  const statements = withoutComments(text).matchAll(
    /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm,
  )
  return [...statements].map(([, type, target = '']) => ({
    from: path,
    to: target.startsWith('.') ? normalize(join(dirname(path), target)) : target,
    typeOnly: type !== undefined,
  }))
}
