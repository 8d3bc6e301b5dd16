/**
 * Load on a schedule that does not wait for answers. autocannon's `overallRate` sends each second's share
 * of a connection in one burst at its beginning, so this one is our own: request n is due n ÷ rate
 * seconds after the start, a 1 ms timer sends what is due, and a latency counts from the moment the
 * request was due. A server (or generator) that falls behind is charged for the wait it causes.
 */
import { Agent, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { RunningLoad } from './cannon.ts'
import type { LoadJob } from './job.ts'
import { LatencyRecorder } from './latency.ts'
import { readsOf, requestMaker } from './requests.ts'
import { Tally } from './tally.ts'

const answerMs = 30_000
/** Requests in flight at most; those beyond it count as errors, because nothing may queue for ever. */
const inFlightMax = 4_000

/** Runs a job at `job.ratePerSecond`. Resolves when the last answer has come. */
export function runPacedLoop(job: LoadJob): RunningLoad {
  const rate = job.ratePerSecond
  if (rate === undefined) throw new Error('a paced load needs a rate')
  const total = Math.floor((rate * job.durationMs) / 1000)
  const next = job.kind === 'reads' ? readMaker(job) : buyerMaker(job)
  const send = job.url.startsWith('https:') ? httpsRequest : httpRequest
  const agent = new Agent({ keepAlive: true, maxSockets: 1_000, scheduling: 'fifo' })
  const tally = new Tally()
  const lateness = new LatencyRecorder()
  const start = performance.now()
  const dueAt = (n: number) => start + (n * 1000) / rate

  const done = new Promise<ReturnType<Tally['result']>>((resolve) => {
    let sent = 0
    let open = 0
    const finish = () => {
      open -= 1
      if (sent < total || open > 0) return
      clearInterval(timer)
      agent.destroy()
      resolve({ ...tally.result(), latenessMs: lateness.summary() })
    }
    const sendOne = (due: number) => {
      const { path, method, headers, body } = next()
      lateness.record(performance.now() - due)
      open += 1
      const target = new URL(path, job.url)
      const outgoing = send(target, { method, agent, timeout: answerMs, headers })
      let settled = false
      const settle = (status: number | undefined) => {
        if (settled) return
        settled = true
        if (status === undefined) tally.failure()
        else tally.answer(status, performance.now() - due)
        finish()
      }
      outgoing.on('response', (response) => {
        response.resume()
        response.on('end', () => settle(response.statusCode ?? 0))
        response.on('error', () => settle(undefined))
      })
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')))
      outgoing.on('error', () => settle(undefined))
      outgoing.end(body)
    }
    const timer = setInterval(() => {
      const now = performance.now()
      while (sent < total && dueAt(sent) <= now) {
        sent += 1
        if (open >= inFlightMax) {
          open += 1
          tally.failure()
          finish()
        } else {
          sendOne(dueAt(sent - 1))
        }
      }
    }, 1)
  })
  return { tally, done }
}

interface PacedRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string | number>>
  readonly body?: string
}

function readMaker(job: LoadJob): () => PacedRequest {
  const paths = readsOf(job)
  let turn = 0
  return () => ({
    method: 'GET',
    path: paths[turn++ % paths.length] as string,
    headers: { ...job.headers },
  })
}

function buyerMaker(job: LoadJob): () => PacedRequest {
  const { bodyHeaders, next } = requestMaker(job)
  const fixed = { ...bodyHeaders, 'content-length': Buffer.byteLength(job.body) }
  return () => {
    const { token, key } = next()
    const headers = { ...fixed, authorization: token, 'idempotency-key': key }
    return { method: 'POST', path: job.path, headers, body: job.body }
  }
}
