import type { Socket } from 'node:net'

const statusLines: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** Answers what is not HTTP, or not in time, before there is a request; then closes the connection. */
export function clientErrorHandler(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const line = statusLines[error.code ?? ''] ?? '400 Bad Request'
  const status = Number(line.slice(0, 3))
  const body = JSON.stringify({
    type: '/problems/validation_failed',
    title: line.slice(4),
    status,
    detail: 'The server could not read the request.',
    code: 'validation_failed',
  })
  socket.end(
    `HTTP/1.1 ${line}\r\nContent-Type: application/problem+json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}
