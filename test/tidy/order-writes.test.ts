// Who writes which column of an order. Every statement of the service is read against this table, and every move of
// an order against the table of moves: an illegal write is found here, before it meets a row.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Cause, moves } from '../../src/orders/order-state.ts'
import { orderStates } from '../../src/orders/order-words.ts'
import { type SourceFile, sourceFiles, withoutComments } from '../support/sources.ts'

type Kind = 'insert orders' | 'insert order_lines' | 'update orders' | 'update order_lines'

interface Writer {
  /** A move that a rule has decided on asks the table in this way. */
  readonly decided?: RegExp
  readonly file: string
  /** On whose behalf it moves orders. */
  readonly by: readonly Cause[]
  /** The columns that it may write; `all` for new rows. */
  readonly may: Readonly<Partial<Record<Kind, 'all' | readonly string[]>>>
}

const end = ['state', 'outcome', 'reason']
const writers: readonly Writer[] = [
  {
    file: 'src/stock/ledger/commit-batch.ts',
    by: ['owner'],
    may: {
      'insert orders': 'all',
      'insert order_lines': 'all',
      'update order_lines': [
        ...['title', 'seller_id', 'quantity', 'unit_price', 'pool', 'stock', 'returned'],
      ],
    },
  },
  {
    file: 'src/flows/reserve/strategies/pessimistic.ts',
    by: ['owner'],
    may: { 'insert orders': 'all', 'insert order_lines': 'all' },
  },
  {
    file: 'src/flows/reserve/begin-assemblies.ts',
    by: ['assembly'],
    may: { 'insert orders': 'all', 'insert order_lines': ['order_id', 'sku', 'quantity', 'stock'] },
  },
  {
    file: 'src/flows/reserve/assembly.ts',
    by: ['assembly'],
    may: {
      'update orders': [...end, 'idempotency_key', 'number', 'total', 'currency', 'expires_at'],
    },
  },
  {
    file: 'src/flows/pay/money/give-up.ts',
    by: ['buyer'],
    may: { 'insert orders': 'all', 'update orders': end },
  },
  { file: 'src/flows/pay/money/begin.ts', by: ['payment'], may: { 'update orders': ['state'] } },
  { file: 'src/flows/pay/money/capture.ts', by: ['payment'], may: { 'update orders': end } },
  {
    file: 'src/flows/pay/money/apply-change.ts',
    by: ['payment', 'late money'],
    may: { 'update orders': end },
    decided: /mayMove\('o', order\.by, order\.to\)/,
  },
  { file: 'src/flows/pay/money/expire-due.ts', by: ['sweep'], may: { 'update orders': end } },
  {
    file: 'src/flows/pay/money/refunds.ts',
    by: ['refund', 'bank'],
    may: { 'update orders': ['state'] },
    decided: /mayMove\('o', order\.by, order\.to\)/,
  },
  {
    file: 'src/orders/move-lines.ts',
    by: ['seller', 'buyer'],
    may: { 'update orders': ['state'], 'update order_lines': ['progress'] },
  },
]

interface Write {
  readonly kind: Kind
  readonly columns: readonly string[]
  /** From its first word to the next write, or to the end of its statement. */
  readonly text: string
}

const begin =
  /\b(?:insert\s+into|update|delete\s+from|truncate|merge\s+into)\s+(?:only\s+)?(orders|order_lines)\b/gi

/** The writes to orders and their lines in the SQL of a file, and what looks like one and cannot be read. */
function writesIn(file: SourceFile): { writes: Write[]; unread: string[] } {
  const code = withoutComments(file.text)
  const found = [...code.matchAll(begin)]
  const writes: Write[] = []
  const unread: string[] = []
  for (const [i, match] of found.entries()) {
    const rest = code.slice(match.index, found[i + 1]?.index)
    const text = rest.slice(0, endOfTemplate(rest))
    const table = match[1]?.toLowerCase() as 'orders' | 'order_lines'
    const inserted = /^insert\s+into\s+\w+(?:\s+as\s+\w+)?\s*\(([^)]*)\)/i.exec(text)?.[1]
    const set = /\bset\s+([\s\S]*?)(?:\n\s*|\s)(?:from|where|returning)\b|\bset\s+([\s\S]*)$/i.exec(
      text,
    )
    if (inserted !== undefined) {
      const columns = inserted.split(',').map((column) => column.trim())
      writes.push({ kind: `insert ${table}`, columns, text })
    }
    const updates = /^update/i.test(text) || /\bdo\s+update\s+set\b/i.test(text)
    if (updates && set) {
      const columns = columnsOf(set[1] ?? set[2] ?? '')
      writes.push({ kind: `update ${table}`, columns, text })
    }
    if (inserted === undefined && !(updates && set)) unread.push(firstLine(text))
  }
  return { writes, unread }
}

/** Where the SQL ends: at the backtick that closes it, whatever is nested in between. */
function endOfTemplate(text: string): number {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    if (text.startsWith('${', i)) depth++
    else if (text[i] === '}' && depth > 0) depth--
    else if (text[i] === '`' && depth === 0) return i
  }
  return text.length
}

/** The columns of `a = …, b = …`: what stands before a sign of equality outside of any bracket. */
function columnsOf(list: string): string[] {
  let depth = 0
  let flat = ''
  for (const char of list.replace(/\bcase\b[\s\S]*?\bend\b/g, '…')) {
    if (char === '(' || char === '{') depth++
    if (depth === 0) flat += char
    if (char === ')' || char === '}') depth--
  }
  return [...flat.matchAll(/(?:^|,)\s*(\w+)\s*=/g)].map(([, column = '']) => column)
}

const firstLine = (text: string) => text.split('\n', 1)[0] ?? ''

/** What a file writes that is not its to write. */
function breachesOf(file: SourceFile): string[] {
  const { writes, unread } = writesIn(file)
  const writer = writers.find((each) => each.file === file.path)
  const told = (what: string, text: string) => `${file.path}: ${what}: ${firstLine(text)}`
  return [
    ...unread.map((text) => told('cannot be read', text)),
    ...writes.flatMap((write) => {
      const may = writer?.may[write.kind]
      if (!writer || may === undefined) return [told(`may not ${write.kind}`, write.text)]
      const columns = may === 'all' ? [] : write.columns.filter((column) => !may.includes(column))
      return [
        ...columns.map((column) => told(`may not write ${column}`, write.text)),
        ...(write.columns.includes('state') ? illegalStates(writer, write) : []).map((what) =>
          told(what, write.text),
        ),
      ]
    }),
  ]
}

/** A new order begins in a state of the table; a move asks the table, by the name of one who may make it. */
function illegalStates({ by, decided }: Writer, { kind, text }: Write): string[] {
  // The type of the change says who may cause it, and the table is asked for just that move.
  if (decided?.test(text)) return []
  if (kind === 'insert orders') {
    const births = moves.filter((each) => each.from === null && by.includes(each.by))
    const named = orderStates.filter((state) => text.includes(`'${state}'`))
    const wrong = named.filter((state) => !births.some(({ to }) => to === state))
    return [
      ...wrong.map((state) => `begins as ${state}`),
      ...(named.length === 0 ? ['begins as nothing'] : []),
    ]
  }
  const guard = /\$\{mayMove\('\w+', '([^']+)', (?:'([^']+)'|\w+)\)\}/.exec(text)
  if (!guard) return ['moves an order without asking the table of moves']
  const [, cause = '', to] = guard
  const set = /\bstate = '(\w+)'/.exec(text)?.[1]
  return [
    ...(by.some((each) => each === cause) ? [] : [`moves an order as ${cause}`]),
    ...(set === undefined || set === to ? [] : [`asks for ${to} and writes ${set}`]),
  ]
}

const files = sourceFiles(['src'])

test('every write to an order is by its owner, and every move is of the table', () => {
  assert.deepEqual(files.flatMap(breachesOf), [])
})

test('whoever may write does: the table names nobody who has gone', () => {
  const unused = writers.flatMap(({ file, may }) => {
    const found = files.filter(({ path }) => path === file).flatMap((each) => writesIn(each).writes)
    return Object.keys(may)
      .filter((kind) => !found.some((write) => write.kind === kind))
      .map((kind) => `${file}: ${kind}`)
  })
  assert.deepEqual(unused, [])
})

/** The text by which SQL asks the table. */
const asking = (by: Cause, to: string) => `\${mayMove('o', '${by}', '${to}')}`

const illegal: readonly [string, string, string, RegExp][] = [
  [
    'a stranger moves an order',
    'src/fulfilment/shipments.ts',
    "update orders o set state = 'shipped' where o.id = 1",
    /may not update orders/,
  ],
  [
    'the sweep writes a total',
    'src/flows/pay/money/expire-due.ts',
    `update orders o set state = 'expired', total = 0 where ${asking('sweep', 'expired')}`,
    /may not write total/,
  ],
  [
    'a payment moves the units of a line',
    'src/flows/pay/money/capture.ts',
    "update order_lines l set stock = 'sold' from confirmed",
    /may not update order_lines/,
  ],
  [
    'a seller moves the units of a line',
    'src/orders/move-lines.ts',
    "update order_lines l set progress = 'shipped', stock = 'sold' where l.sku = 'A'",
    /may not write stock/,
  ],
  [
    'a move asks no table',
    'src/flows/pay/money/capture.ts',
    "update orders o set state = 'paid' where o.id = 1",
    /without asking/,
  ],
  [
    'a move asks for another one',
    'src/flows/pay/money/capture.ts',
    `update orders o set state = 'paid' where ${asking('payment', 'reserved')}`,
    /asks for reserved and writes paid/,
  ],
  [
    'a payment moves as the late money that it is not',
    'src/flows/pay/money/capture.ts',
    `update orders o set state = 'paid' where ${asking('late money', 'paid')}`,
    /moves an order as late money/,
  ],
  [
    'an order begins as paid',
    'src/stock/ledger/commit-batch.ts',
    "insert into orders (id, state) values ($1, 'paid')",
    /begins as paid/,
  ],
  [
    'the owner’s batch moves what a seller moves',
    'src/stock/ledger/commit-batch.ts',
    "insert into order_lines (order_id) select 1 on conflict (order_id) do update set progress = 'shipped'",
    /may not write progress/,
  ],
  [
    'orders are deleted',
    'src/flows/pay/money/capture.ts',
    'delete from orders where id = 1',
    /cannot be read/,
  ],
]
for (const [what, path, statement, said] of illegal) {
  test(`an injected write is found: ${what}`, () => {
    const text = `await tx.query(sql\`\n    ${statement}\`)`
    assert.match(breachesOf({ path, text }).join('\n'), said)
  })
}
