import { type Logger, pino } from 'pino'

export type { Logger }

/** A pino logger that never prints a secret: tokens, passwords, keys and cookies are cut out by path. */
export function createLogger(options: { readonly level: string; readonly role: string }): Logger {
  return pino({
    level: options.level,
    base: { role: options.role, pid: process.pid },
    redact: {
      paths: [
        'req.headers.authorization',
        'req.headers.cookie',
        'req.headers["stripe-signature"]',
        '*.password',
        '*.accessToken',
        '*.refreshToken',
        '*.clientSecret',
        'authorization',
        'password',
      ],
      censor: '[secret]',
    },
  })
}
