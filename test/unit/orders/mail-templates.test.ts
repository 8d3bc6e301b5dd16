// The texts of mails, in every language.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import test from 'node:test'
import {
  formatDay,
  formatMoment,
  languageOf,
  languages,
  storedLanguage,
} from '../../../src/notifications/languages.ts'
import { orderLinks } from '../../../src/notifications/letters.ts'
import { templateNames } from '../../../src/notifications/templates.ts'
import { moneyWords } from '../../../src/notifications/true-words.ts'
import { writeMail } from '../../../src/notifications/write-mail.ts'

const folder = new URL('../../../src/notifications/templates/', import.meta.url)
const placeholders = (text: string) => [...text.matchAll(/\{[?>]?\w+\}/g)].map(([mark]) => mark)

/** Every value that any template asks for. */
const values = {
  ...{
    name: 'Bea <Buyer>',
    number: '1007',
    link: 'https://shop.example/orders/1?a=1&b=2',
    sku: null,
  },
  ...{ total: '€78.00', amount: '€49.00', refunded: '€50.00', card: 'Visa •••• 4242' },
  ...{ reason: 'fraudulent', due: '9 December 2026', tookMoney: '', title: '<b>Mug</b>' },
  ...{ units: '3', soldOut: null, day: '30 November 2026', orders: '4' },
  ...Object.fromEntries(moneyWords.map((word) => [word, word === 'goesBack' ? '' : null])),
}
const rows = [{ what: '2 × Mug & {total}', price: '€29.00' }]

for (const language of languages) {
  test(`every mail has its text in the language ${language}, with the same facts in the same order`, () => {
    const files = readdirSync(new URL(`${language}/`, folder)).toSorted()
    const known = ['frame', 'money', ...templateNames].map((name) => `${name}.txt`)
    assert.deepEqual(files, known.toSorted())
    for (const file of files) {
      const [text, first] = [language, languages[0]].map((each) =>
        readFileSync(new URL(`${each}/${file}`, folder), 'utf8'),
      )
      assert.deepEqual(placeholders(text ?? ''), placeholders(first ?? ''), file)
    }
  })

  for (const template of templateNames) {
    test(`the mail ${template} in ${language} leaves no placeholder, and lets nobody write HTML`, () => {
      const mail = writeMail({ to: '', language, template, values, rows })
      for (const text of [mail.subject, mail.text.replace(rows[0]?.what ?? '', '')]) {
        assert.doesNotMatch(text, /[{}]/)
      }
      assert.match(mail.text, /Bea <Buyer>,\n\n/)
      assert.match(mail.text, /1007/)
      assert.match(mail.html, new RegExp(`<html lang="${language}">`))
      assert.match(mail.html, /Bea &lt;Buyer&gt;/)
      assert.match(mail.html, /<a href="https:\/\/shop\.example\/orders\/1\?a=1&amp;b=2">/)
      assert.doesNotMatch(mail.html, /<b>/)
    })
  }
}

test('a mail says one thing about the money, and nothing of what is not known', () => {
  const write = (over: Readonly<Record<string, string | null>>) =>
    writeMail({
      to: '',
      language: 'en',
      template: 'expired',
      values: { ...values, ...over },
      rows,
    }).text
  assert.match(write({}), /The money goes back to you/)
  assert.doesNotMatch(write({}), /charged|disputed/)
  const open = write({ goesBack: null, underWay: '' })
  assert.match(open, /may still be working/)
  assert.doesNotMatch(open, /not been charged/)
  assert.doesNotMatch(write({ link: null }), /https/)
  assert.match(write({}), / {2}2 × Mug & \{total\}: €29\.00\n {2}Total: €78\.00/)
  assert.throws(() => write({ total: undefined as never }), /no value for \{total\}/)
})

test('a name is one line in a mail, whatever it holds', () => {
  const name = 'Eve\r\n\r\nYour order is free'
  const mail = writeMail({
    to: '',
    language: 'en',
    template: 'low-stock',
    values: { ...values, name, title: name },
  })
  assert.doesNotMatch(mail.text, /^Your order/m)
  assert.doesNotMatch(mail.subject, /\n/)
})

test('the language is the one that the browser likes best of those that there are', () => {
  const wishes: readonly (readonly [string | undefined, string | null])[] = [
    ['de', 'de'],
    ['de-AT,de;q=0.9,en;q=0.8', 'de'],
    ['fr-FR, fr;q=0.9, en-US;q=0.5, de;q=0.4', 'en'],
    ['en;q=0.1, de', 'de'],
    ['fr, *;q=0.1', null],
    ['de;q=0', null],
    ['de;q=much', null],
    ['', null],
    [undefined, null],
    [`${'x,'.repeat(5_000)}de`, null],
  ]
  for (const [header, language] of wishes) assert.equal(languageOf(header), language, header)
  assert.equal(storedLanguage('de'), 'de')
  assert.equal(storedLanguage('tlh'), 'en')
  assert.equal(storedLanguage(null), 'en')
})

test('times are written in UTC, and links keep the path of the shop', () => {
  const moment = new Date('2026-12-09T23:30:00Z')
  assert.match(formatMoment(moment, 'en'), /^9 December 2026.*23:30 UTC$/)
  assert.match(formatMoment(moment, 'de'), /^9\. Dezember 2026.*23:30 UTC$/)
  assert.equal(formatDay('2026-12-09', 'de'), '9. Dezember 2026')
  assert.equal(
    orderLinks('https://a.example/shop/').orderLink('1'),
    'https://a.example/shop/orders/1',
  )
  assert.equal(orderLinks(undefined).orderLink('1'), null)
})
