/** The API's own description, as far as tests read it. */
import { z } from 'zod'
import type { TestSystem } from './system.ts'

const Schema = z.looseObject({
  required: z.array(z.string()).optional(),
  additionalProperties: z.unknown().optional(),
})

const Operation = z.looseObject({
  summary: z.string().optional(),
  tags: z.array(z.string()).optional(),
  security: z.array(z.unknown()).optional(),
  parameters: z
    .array(z.looseObject({ name: z.string(), in: z.string() }))
    .optional()
    .default([]),
  requestBody: z
    .looseObject({ content: z.record(z.string(), z.looseObject({ schema: Schema })) })
    .optional(),
  responses: z.record(z.string(), z.unknown()),
})

export type Operation = z.infer<typeof Operation>

const Document = z.looseObject({
  openapi: z.string(),
  paths: z.record(z.string(), z.record(z.string(), Operation)),
})

/** Operations by `METHOD /path/{name}`. */
export async function readOperations(
  system: Pick<TestSystem, 'url'>,
): Promise<ReadonlyMap<string, Operation>> {
  const answer = await fetch(`${system.url}/openapi.json`)
  const { paths } = Document.parse(await answer.json())
  return new Map(
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [
        `${method.toUpperCase()} ${path}`,
        operation,
      ]),
    ),
  )
}
