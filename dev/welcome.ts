/** What `npm start` tells a person once everything is up. */
export function welcome(apiUrl: string, dataDir: string, demoShop: boolean): string {
  const lines = ['', `Sluice is up: ${apiUrl}`, '', `  health     ${apiUrl}/health`]
  lines.push(`  API        ${apiUrl}/openapi.json`, `  logs       ${dataDir}/logs`)
  lines.push(`  mails      ${dataDir}/mail`)
  if (demoShop) lines.push(...demo(apiUrl))
  lines.push('', 'Ctrl-C stops everything.')
  return lines.join('\n')
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
