import { z } from 'zod'

/** The document of every failure, for the description of the API. */
export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.string(),
    requestId: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .describe('A problem document (RFC 9457)')

/** For `schema.response`: documents that these statuses are answered with a problem. */
export function problemResponses(...statuses: readonly number[]) {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: 'A problem document; `code` says which one',
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    ]),
  )
}
