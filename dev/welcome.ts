/** Where everything is. */
export interface Place {
  readonly apiUrl: string
  readonly dataDir: string
  /** Of the payment simulator, where it runs. */
  readonly stripeUrl: string | undefined
  /** Whether the shop has demo accounts and products. */
  readonly demoShop: boolean
}

/** What `npm start` tells a person once everything is up. */
export function welcome({ apiUrl, dataDir, stripeUrl, demoShop }: Place): string {
  const lines = ['', `Sluice is up: ${apiUrl}`, '', `  health     ${apiUrl}/health`]
  lines.push(`  API        ${apiUrl}/openapi.json`, `  logs       ${dataDir}/logs`)
  lines.push(`  mails      ${dataDir}/mail`)
  if (demoShop) lines.push(...demo(apiUrl))
  if (stripeUrl) lines.push(...payments(stripeUrl))
  lines.push('', 'Ctrl-C stops everything.')
  return lines.join('\n')
}

function payments(stripeUrl: string): string[] {
  return [
    '',
    `Payments go to the simulator at ${stripeUrl}. Test cards, sent as paymentMethodId:`,
    '',
    '  pm_card_visa                                  pays',
    '  pm_card_chargeDeclined                        is declined',
    '  pm_card_chargeDeclinedInsufficientFunds       is declined',
    '  pm_card_authenticationRequired                the bank asks the buyer',
    '  pm_usBankAccount_success, pm_sepaDebit_success_de   take days: PAYMENT_METHODS=any takes them',
    '',
    'The bank asks on its page. ID is what stands before "_secret" in the clientSecret of the answer:',
    '',
    `  ${stripeUrl}/_sim/bank/ID?client_secret=CLIENT_SECRET`,
  ]
}

function demo(apiUrl: string): string[] {
  return [
    '',
    'Demo accounts: buyer@example.com, seller@example.com, admin@example.com; password: demo-password',
    'Demo sale: FLASH-001, 1,000 units, 2 per customer. To buy one and pay, paste:',
    '',
    `  API=${apiUrl}`,
    `  TOKEN=$(curl -s $API/api/auth/login -H 'content-type: application/json' \\`,
    `    -d '{"email":"buyer@example.com","password":"demo-password"}' | grep -o '"accessToken":"[^"]*"' | cut -d'"' -f4)`,
    `  ID=$(curl -s $API/api/checkouts -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' \\`,
    `    -H "idempotency-key: try-$(date +%s)" -H 'prefer: wait=5' \\`,
    `    -d '{"items":[{"sku":"FLASH-001","quantity":1}]}' | grep -o '"id":"[^"]*"' | head -n 1 | cut -d'"' -f4)`,
    `  curl -s $API/api/checkouts/$ID/confirm -H "authorization: Bearer $TOKEN" \\`,
    `    -H 'content-type: application/json' -d '{"paymentMethodId":"pm_card_visa"}'; echo`,
  ]
}
