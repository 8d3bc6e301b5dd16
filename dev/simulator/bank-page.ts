/** The page on which the buyer tells the bank yes or no. Whoever has the client secret may. */
import type { ServerResponse } from 'node:http'
import { formatMoney } from '../../src/kernel/currency.ts'
import type { PaymentIntentRecord } from './records.ts'

export function clientSecretOf({ id, secret }: PaymentIntentRecord): string {
  return `${id}_secret_${secret}`
}

/** Asks, when there is something to ask; else tells how it stands. */
export function sendBankPage(
  response: ServerResponse,
  record: PaymentIntentRecord,
  status = 200,
): void {
  const { amount, currency } = record
  const price = formatMoney(amount, currency.toUpperCase())
  const asked = record.status === 'requires_action'
  const secret = escapeHtml(clientSecretOf(record))
  const html = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Test bank</title>
<style>body{font:16px/1.5 system-ui;max-width:26rem;margin:4rem auto;padding:0 1rem}
button{font:inherit;padding:.6rem 1rem;margin-right:.5rem}</style>
<h1>Test bank</h1>
${
  asked
    ? `<p>A shop wants <strong>${escapeHtml(price)}</strong> from your test card.</p>
<form method="post"><input type="hidden" name="client_secret" value="${secret}">
<button name="outcome" value="succeed">Approve</button>
<button name="outcome" value="fail">Refuse</button></form>`
    : `<p>Nothing to approve: the payment is <strong>${escapeHtml(record.status)}</strong>. You can close this page.</p>`
}
</html>`
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
    'referrer-policy': 'no-referrer',
  })
  response.end(html)
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
