/** Products: made, looked for, looked at, edited, and taken off the shelves. */
import { noteWords } from '../../../../src/catalogue/note-words.ts'
import { newId } from '../../../../src/kernel/ids.ts'
import type { Answered, Person } from '../recorder.ts'
import type { Stage } from '../stage.ts'

const shirt = {
  title: 'Harbour Shirt',
  description: 'Heavy cotton.\nMade to last.',
  category: 'golden shirts',
  variants: [
    {
      sku: 'SHIRT-RED-M',
      options: { color: 'red', size: 'M' },
      price: 1_900,
      currency: 'EUR',
      stock: 5,
    },
    {
      sku: 'SHIRT-BLUE-L',
      options: { color: 'blue', size: 'L' },
      price: 2_100,
      currency: 'EUR',
      stock: 7,
    },
  ],
}
const variant = {
  sku: 'SHIRT-RED-L',
  options: { color: 'red', size: 'L' },
  price: 2_000,
  currency: 'EUR',
  stock: 2,
}

export async function catalogue(stage: Stage): Promise<void> {
  const id = await making(stage)
  await searching(stage)
  await looking(stage, id)
  await editing(stage, id)
  await adding(stage, id)
  await archiving(stage, id)
}

async function making(stage: Stage): Promise<string> {
  const { play, seller } = stage
  const create = (title: string, body: unknown, as: Person | null = seller) =>
    play(title, 'POST /api/products', { ...(as && { as }), body })
  const { body } = await create('A seller puts a product on sale', shirt)
  await create('The same title gets another slug, and what is not given has a default', {
    title: shirt.title,
    category: shirt.category,
    variants: [{ sku: 'SHIRT-PLAIN', price: 900, currency: 'EUR', stock: 3 }],
  })
  await create('A product of another kind', {
    ...{ title: 'Deck Shoe', category: 'golden shoes', description: 'Goes with the shirt.' },
    variants: [
      { sku: 'SHOE-40', options: { size: '40' }, price: 4_900, currency: 'EUR', stock: 0 },
    ],
  })
  await create('The SKU is taken', shirt)
  await create('Two currencies', {
    ...shirt,
    variants: [
      { ...variant, sku: 'TWO-1' },
      { ...variant, sku: 'TWO-2', currency: 'USD' },
    ],
  })
  await create('A SKU twice', { ...shirt, variants: [variant, variant] })
  const priced = { options: {}, stock: 1 }
  await create('Prices that nobody can pay', {
    ...shirt,
    variants: [
      { ...priced, sku: 'NEVER-1', price: 49, currency: 'EUR' },
      { ...priced, sku: 'NEVER-2', price: 100_000_000, currency: 'EUR' },
      { ...priced, sku: 'NEVER-3', price: 150, currency: 'ISK' },
      { ...priced, sku: 'NEVER-4', price: 4_900, currency: 'XXX' },
    ],
  })
  await create('All that can be wrong', {
    ...{ title: '', description: 7, category: 'a\nb', extra: 1 },
    variants: [{ sku: '-', options: { '1': '' }, price: -1, currency: 'euro', stock: 0.5 }],
  })
  await create('No variants', { title: 'Nothing', category: 'golden shirts', variants: [] })
  await create('A buyer sells nothing', shirt, await stage.person('buyer-of-shirts', 'buyer'))
  await create('Nobody sells nothing', shirt, null)
  return body.id
}

async function searching({ play, until, system }: Stage): Promise<void> {
  const search = (title: string, query: string) => play(title, `GET /api/products?${query}`)
  await search('A category', 'category=golden+shirts')
  // A worker notes the words of a product every two seconds; this does not wait for it.
  await noteWords(system.pool)
  const meant = 'GET /api/products?q=harbor+shrit&category=golden+shirts'
  const isFound = ({ body }: Answered) => body.items.length === 2
  await until('Words, with a slip of the pen', meant, {}, isFound)
  await search('Options', 'category=golden+shirts&option.color=red&option.size=M')
  await search('One of two values', 'category=golden+shirts&option.color=red&option.color=blue')
  await search(
    'A range of prices, without counts',
    'category=golden+shirts&minPrice=1000&maxPrice=2000&facets=false',
  )
  await search('Only what is there', 'category=golden+shoes&inStock=true')
  await search('The dearest first', 'category=golden+shirts&sort=price_desc')
  await search('Nothing', 'category=golden+nothing')
  const page = 'category=golden+shirts&sort=price_asc&limit=1&facets=false'
  const { body } = await search('The first page', page)
  await search('The second page', `${page}&cursor=${body.nextCursor}`)
  await search('The cursor of another order', `category=golden+shirts&cursor=${body.nextCursor}`)
  await search('A cursor that is none', 'cursor=nonsense')
  await search('All that can be wrong', 'limit=0&minPrice=x&maxPrice=-1&sort=best&inStock=maybe')
  await search('Too many options', Array.from({ length: 11 }, (_, i) => `option.a${i}=x`).join('&'))
}

async function looking({ play }: Stage, id: string): Promise<void> {
  await play('By id', `GET /api/products/${id}`)
  await play('By slug', 'GET /api/products/harbour-shirt')
  await play('No such id', `GET /api/products/${newId()}`)
  await play('No such name', 'GET /api/products/A_B')
  await play('What goes with it', `GET /api/products/${id}/recommendations?limit=2`)
  await play('What goes with nothing', `GET /api/products/${newId()}/recommendations`)
  await play('Too much goes with it', `GET /api/products/${id}/recommendations?limit=1000`)
}

async function editing(stage: Stage, id: string): Promise<void> {
  const { play, seller } = stage
  const edit = (title: string, body: unknown, headers = {}, as: Person | null = seller) =>
    play(title, `PATCH /api/products/${id}`, { ...(as && { as }), body, headers })
  await edit('Another title', { title: 'Harbour Shirt II' }, { 'if-match': '"1"' })
  await edit('That version is gone', { title: 'Late' }, { 'if-match': '"1"' })
  await edit('Price and options', {
    variants: [{ sku: 'SHIRT-RED-M', price: 1_800, options: { color: 'crimson' } }],
  })
  await edit('A price that nobody can pay', { variants: [{ sku: 'SHIRT-RED-M', price: 1 }] })
  await edit('A SKU of another product', { variants: [{ sku: 'SHOE-40', price: 1 }] })
  await edit('Nothing to change', {})
  await edit('What is not edited', { slug: 'x', variants: [{ sku: 'SHIRT-RED-M', stock: 9 }] })
  await edit('Nobody edits', { title: 'Mine' }, {}, null)
  const rival = await stage.person('rival', 'seller')
  await edit('Another seller edits nothing', { title: 'Mine' }, {}, rival)
  await play('A name that is none', 'PATCH /api/products/A_B', { as: seller, body: { title: 'x' } })
}

async function adding(stage: Stage, id: string): Promise<void> {
  const { play, seller } = stage
  const add = (title: string, body: unknown, headers = {}, as: Person = seller) =>
    play(title, `POST /api/products/${id}/variants`, { as, body, headers })
  await add('One variant more', variant)
  await add('The SKU is taken', variant)
  await add('Several variants', { variants: [{ ...variant, sku: 'SHIRT-XL' }] })
  await add('Another currency', { ...variant, sku: 'SHIRT-US', currency: 'USD' })
  await add('That version is gone', { ...variant, sku: 'SHIRT-XS' }, { 'if-match': '"1"' })
  await add('A price that nobody can pay', { ...variant, sku: 'SHIRT-XS', price: 1 })
  await add('Neither one nor several', { sku: 'SHIRT-XS' })
  const buyer = await stage.person('buyer-of-shoes', 'buyer')
  await add('A buyer adds nothing', { ...variant, sku: 'SHIRT-XS' }, {}, buyer)
  await play('No such product', `POST /api/products/${newId()}/variants`, {
    as: seller,
    body: { ...variant, sku: 'SHIRT-XS' },
  })
}

async function archiving(stage: Stage, id: string): Promise<void> {
  const { play, seller } = stage
  const remove = (title: string, headers = {}, as: Person | null = seller) =>
    play(title, `DELETE /api/products/${id}`, { ...(as && { as }), headers })
  await remove('That version is gone', { 'if-match': '"1"' })
  await remove('Nobody takes it away', {}, null)
  await remove('Another seller does not', {}, await stage.person('other-rival', 'seller'))
  await remove('The seller takes it off the shelves')
  await remove('And once more')
  await play('It is not looked at any more', `GET /api/products/${id}`)
  await play('Nor is its SKU', 'GET /api/skus/SHIRT-RED-M')
}
