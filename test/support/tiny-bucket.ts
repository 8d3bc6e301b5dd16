/** A bucket that keeps its objects in memory and believes no signature it cannot compute itself. */
import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { TestContext } from 'node:test'

export interface StoredObject {
  readonly bytes: Buffer
  readonly contentType: string | undefined
  readonly cacheControl: string | undefined
}

const bucketKeys = { id: 'test-access-key', secret: 'test-secret-access-key' } as const
const region = 'test-region-1'

/** Serves path-style requests for the bucket `pictures`; closes at the end of the test. */
export async function startTinyBucket(t: TestContext) {
  const objects = new Map<string, StoredObject>()
  let away = false
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://bucket')
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const bytes = Buffer.concat(chunks)
    const end = (status: number, body: Buffer | string = '', headers = {}) => {
      response
        .writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers })
        .end(body)
    }
    if (away) return void end(503, '<Error><Code>SlowDown</Code></Error>')
    if (!isSigned(request, url)) {
      return void end(403, '<Error><Code>SignatureDoesNotMatch</Code></Error>')
    }
    const key = url.pathname
    if (request.method === 'PUT') {
      objects.set(key, {
        bytes,
        contentType: request.headers['content-type'],
        cacheControl: request.headers['cache-control'],
      })
      return void end(200)
    }
    if (request.method === 'DELETE') {
      objects.delete(key)
      return void response.writeHead(204).end()
    }
    const found = objects.get(key)
    if (!found) return void end(404, '<Error><Code>NoSuchKey</Code></Error>')
    const headers = { 'content-type': found.contentType ?? 'application/octet-stream' }
    if (request.method === 'HEAD') {
      response.writeHead(200, { ...headers, 'content-length': found.bytes.length }).end()
    } else end(200, found.bytes, headers)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    objects,
    setAway: (value: boolean) => {
      away = value
    },
    settings: {
      S3_ENDPOINT: `http://127.0.0.1:${address.port}`,
      S3_BUCKET: 'pictures',
      S3_REGION: region,
      S3_ACCESS_KEY_ID: bucketKeys.id,
      S3_SECRET_ACCESS_KEY: bucketKeys.secret,
    },
  }
}

/** AWS Signature Version 4, in the header or in the query. */
function isSigned(request: IncomingMessage, url: URL): boolean {
  const query = url.searchParams
  const inHeader = request.headers.authorization ?? ''
  const given = query.get('X-Amz-Signature') ?? /Signature=([0-9a-f]+)/.exec(inHeader)?.[1] ?? ''
  const names =
    query.get('X-Amz-SignedHeaders') ?? /SignedHeaders=([^,]+)/.exec(inHeader)?.[1] ?? ''
  const at = query.get('X-Amz-Date') ?? String(request.headers['x-amz-date'])
  query.delete('X-Amz-Signature')
  const pairs = [...query]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&')
  const headers = names
    .split(';')
    .map((name) => `${name}:${String(request.headers[name] ?? '').trim()}\n`)
    .join('')
  const hash = query.get('X-Amz-Date')
    ? 'UNSIGNED-PAYLOAD'
    : String(request.headers['x-amz-content-sha256'])
  const canonical = [request.method, url.pathname, pairs, headers, names, hash].join('\n')
  const day = at.slice(0, 8)
  const scope = `${day}/${region}/s3/aws4_request`
  const hmac = (key: string | Buffer, text: string) =>
    createHmac('sha256', key).update(text).digest()
  const key = [region, 's3', 'aws4_request'].reduce<Buffer>(
    hmac,
    hmac(`AWS4${bucketKeys.secret}`, day),
  )
  const text = ['AWS4-HMAC-SHA256', at, scope, createHash('sha256').update(canonical).digest('hex')]
  return hmac(key, text.join('\n')).toString('hex') === given
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
