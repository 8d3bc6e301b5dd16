/** The simulator's own addresses, under /_sim: scripts that make it misbehave, and what it has seen. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Address, sendFailure, sendJson, stripeHeaders } from './answering.ts'
import { StripeFailure } from './failure.ts'
import { faultActions } from './fault-scripts.ts'
import { Form } from './form.ts'
import { objectActions } from './object-scripts.ts'
import { type Action, refused, type Scripting } from './scripting.ts'
import { serveBank } from './serve-bank.ts'
import { newStripeId } from './stripe-ids.ts'

const actions: Readonly<Record<string, Action>> = { ...objectActions, ...faultActions }

/** Answers a request below /_sim. */
export async function serveScript(
  scripting: Scripting,
  request: IncomingMessage,
  response: ServerResponse,
  address: Address,
  body: string | undefined,
): Promise<void> {
  const headers = stripeHeaders(request, newStripeId('req'))
  try {
    if (body === undefined) throw refused('The request is too large.', 413)
    const { method, path, query } = address
    if (path.startsWith('/_sim/bank/')) return serveBank(scripting.api, response, address, body)
    scripting.keys.letScriptIn(request)
    const [, , resource, id, ...rest] = path.split('/')
    const plain = `${method} ${path}`
    const pattern = `${method} ${['', '_sim', resource, '*', ...rest].join('/')}`
    const name = Object.hasOwn(actions, plain) ? plain : pattern
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined
    if (!action) throw refused(`There is no ${method} ${path.slice(0, 200)}.`, 404)
    const result = await action(scripting, { id: id ?? '', form: Form.parse(query), body })
    sendJson(response, 200, JSON.stringify(result), headers)
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error
    sendFailure(response, error, headers)
  }
}
