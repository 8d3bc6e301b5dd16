/** Sends mail: over SMTP, or into files where no server is set. */
import { createHash } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createTransport } from 'nodemailer'

export interface Mail {
  /** Names what the mail tells; the Message-ID is made of it, so that a second copy can be recognised. */
  readonly fact: string
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html: string
}

export interface Mailer {
  /** Resolves when the mail is handed over for good. @throws MailRefused when no further try will help. */
  send(mail: Mail): Promise<void>
  close(): void
}

/** The server said that it will never take this mail. */
export class MailRefused extends Error {
  override name = 'MailRefused'
}

export interface MailerOptions {
  /** `smtp://` or `smtps://`; undefined: `.eml` files in `mailDir`. */
  readonly smtpUrl: string | undefined
  readonly mailDir: string
  /** An address, or a name and an address. */
  readonly from: string
  /** Where answers go; undefined: to `from`. */
  readonly replyTo?: string | undefined
}

/** A mail takes this long at the worst: connecting, the greeting, and each silence of the server. */
const smtpLimits = {
  connectionTimeout: 5_000,
  greetingTimeout: 5_000,
  socketTimeout: 10_000,
  dnsTimeout: 5_000,
} as const

export function createMailer(options: MailerOptions): Mailer {
  return options.smtpUrl === undefined ? fileMailer(options) : smtpMailer(options.smtpUrl, options)
}

type Sender = Pick<MailerOptions, 'from' | 'replyTo'>

function smtpMailer(url: string, sender: Sender): Mailer {
  const transport = createTransport({
    url,
    pool: true,
    maxConnections: 2,
    maxMessages: 200,
    ...smtpLimits,
  })
  // Each mail is told of its own failure; an idle connection that the server ends concerns nobody.
  transport.on('error', () => {})
  return {
    async send(mail) {
      try {
        await transport.sendMail(message(mail, sender))
      } catch (error) {
        if (isAboutMail(error)) {
          throw new MailRefused(`the mail server answered ${error.responseCode}`, { cause: error })
        }
        throw error
      }
    },
    close: () => transport.close(),
  }
}

/**
 * Whether the server refused this recipient, or this content, for good. A log-in, a greeting or a sender that it
 * does not take are matters of the settings: once they are mended, the mail goes out.
 */
function isAboutMail(error: unknown): error is { readonly responseCode: number } {
  const {
    code,
    command,
    responseCode = 0,
  } = error as Partial<Record<'code' | 'command', string>> & {
    readonly responseCode?: number
  }
  if (responseCode < 500 || responseCode === 503) return false
  return code === 'EMESSAGE' || (code === 'EENVELOPE' && command !== 'MAIL FROM')
}

/** One file for each fact: sending it again writes the same file again. */
function fileMailer({ mailDir, ...sender }: MailerOptions): Mailer {
  const transport = createTransport({ streamTransport: true, buffer: true, newline: 'windows' })
  return {
    async send(mail) {
      const { message: content } = await transport.sendMail(message(mail, sender))
      const path = join(mailDir, `${mail.fact.replace(/[^\w.-]+/g, '-').slice(0, 150)}.eml`)
      await write(`${path}.new`, content as Buffer)
      await rename(`${path}.new`, path)
    },
    close: () => transport.close(),
  }
}

/** Makes the folder when it is not there. */
async function write(path: string, content: Buffer): Promise<void> {
  try {
    await writeFile(path, content)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content)
  }
}

function message({ fact, to, subject, text, html }: Mail, { from, replyTo }: Sender) {
  const domain = /@([\w.-]+)/.exec(from)?.[1] ?? 'localhost'
  const id = createHash('sha256').update(`${fact} ${to}`).digest('hex').slice(0, 40)
  return {
    from,
    ...(replyTo === undefined ? {} : { replyTo }),
    // An object is never taken apart: an address cannot smuggle in a second one.
    to: { name: '', address: to },
    subject,
    text,
    html,
    messageId: `<${id}@${domain}>`,
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}
