/** Pictures for shops that have none: drawn, sized by the shop's own hands, and shared by many products. */
import type { DatabasePool } from 'slonik'
import type { ImageWidth } from '../src/images/image-limits.ts'
import type { ImageStore } from '../src/images/store.ts'
import { newId } from '../src/kernel/ids.ts'
import { sql } from '../src/platform/postgres/pool.ts'

const side = 800

const motifs = {
  headphones: `<path d="M200 470a200 200 0 0 1 400 0" fill="none" stroke="#26313d" stroke-width="34"/>
    <rect x="165" y="430" width="85" height="170" rx="36" fill="#26313d"/>
    <rect x="550" y="430" width="85" height="170" rx="36" fill="#26313d"/>`,
  shirt: `<path d="M300 210c30 45 170 45 200 0l130 70-50 120-70-30v230H290V370l-70 30-50-120z" fill="#fff"/>`,
  mug: `<circle cx="535" cy="420" r="85" fill="none" stroke="#fff" stroke-width="38"/>
    <path d="M240 260h300v250a80 80 0 0 1-80 80H320a80 80 0 0 1-80-80z" fill="#fff"/>`,
  lamp: `<path d="M300 220h200l80 200H220z" fill="#fff"/><rect x="388" y="420" width="24" height="150" fill="#26313d"/>
    <rect x="300" y="565" width="200" height="30" rx="15" fill="#26313d"/>`,
  bag: `<path d="M310 340v-40a90 90 0 0 1 180 0v40" fill="none" stroke="#26313d" stroke-width="28"/>
    <path d="M230 335h340l30 265H200z" fill="#fff"/>`,
  book: `<path d="M230 220h300a40 40 0 0 1 40 40v330H270a40 40 0 0 1-40-40z" fill="#fff"/>
    <path d="M270 220v330" stroke="#26313d" stroke-width="14"/>`,
  parcel: `<path d="M220 320l180-80 180 80v210l-180 80-180-80z" fill="#fff"/>
    <path d="M220 320l180 80 180-80M400 400v210" fill="none" stroke="#26313d" stroke-width="14"/>`,
} as const

export type Motif = keyof typeof motifs

const motifNames = Object.keys(motifs) as Motif[]
/** What stands for which categories of a made-up shop; a parcel for all others. */
const categories: Readonly<Record<string, Motif>> = {
  headphones: 'headphones',
  shirts: 'shirt',
  jackets: 'shirt',
  kitchen: 'mug',
  cookware: 'mug',
  lighting: 'lamp',
  bags: 'bag',
  books: 'book',
}

const hues = [18, 96, 168, 210, 262, 330] as const

/** The id under which the files of a drawing are kept: the same in every shop. */
function fileIdOf(motif: Motif, hue: number): string {
  const number = motifNames.indexOf(motif) * 1_000 + hue
  return `0d3a0000-0000-7000-8000-${String(number).padStart(12, '0')}`
}

function drawing(motif: Motif, hue: number): Buffer {
  return Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}">
    <defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1">
      <stop offset="0" stop-color="hsl(${hue},55%,78%)"/><stop offset="1" stop-color="hsl(${hue},45%,52%)"/>
    </linearGradient></defs>
    <rect width="${side}" height="${side}" fill="url(#g)"/>
    <ellipse cx="400" cy="620" rx="240" ry="26" fill="rgba(0,0,0,0.16)"/>${motifs[motif]}</svg>`)
}

async function keep(store: ImageStore, motif: Motif, hue: number): Promise<string> {
  const id = fileIdOf(motif, hue)
  const largest: ImageWidth = 1600
  const known = await store.show(id, largest)
  if (known?.kind === 'file') return id
  // Loaded by the first drawing: every role of the program can reach this file, and few ever draw.
  const { inspect } = await import('../src/images/inspect.ts')
  const { default: sharp } = await import('sharp')
  const png = await sharp(drawing(motif, hue)).png().toBuffer()
  const made = await inspect(png, { contentType: 'image/png', bytes: png.length })
  if (made.tag === 'refused') throw new Error(`a drawing was refused: ${made.reason}`)
  for (const { width, webp } of made.sizes) await store.writeSize(id, width, webp)
  return id
}

/** Gives products, by slug, a drawing each; one that has a picture keeps it. */
export async function addDemoPictures(
  pool: DatabasePool,
  store: ImageStore,
  wanted: Readonly<Record<string, { readonly motif: Motif; readonly hue: number }>>,
): Promise<void> {
  for (const [slug, { motif, hue }] of Object.entries(wanted)) {
    const bare = await pool.maybeOne(sql.typeAlias('id')`
      select id from products p where slug = ${slug}
        and not exists (select from product_images where product_id = p.id)`)
    if (!bare) continue
    const fileId = await keep(store, motif, hue)
    await pool.query(sql.typeAlias('none')`
      insert into product_images
        (id, product_id, seller_id, content_type, bytes, status, width, height, file_id)
      select ${newId()}, id, seller_id, 'image/png', 1, 'ready', ${side}, ${side}, ${fileId}
      from products where id = ${bare.id}`)
  }
}

/** Gives every product without a picture one of a few dozen; the same product always the same. Returns how many. */
export async function addMadeUpPictures(pool: DatabasePool, store: ImageStore): Promise<number> {
  const files: (readonly [category: string, fileId: string])[] = []
  for (const [category, motif] of [...Object.entries(categories), ['', 'parcel'] as const]) {
    for (const hue of hues) files.push([category, await keep(store, motif, hue)])
  }
  const added = await pool.query(sql.typeAlias('none')`
    with drawn as (
      select category, array_agg(file_id order by file_id) as ids
      from ${sql.unnest(files, ['text', 'uuid'])} as f (category, file_id) group by category)
    insert into product_images
      (id, product_id, seller_id, content_type, bytes, status, width, height, file_id)
    select new_id(), p.id, p.seller_id, 'image/png', 1, 'ready', ${side}, ${side},
      d.ids[1 + abs(hashtext(p.id::text) % cardinality(d.ids))]
    from products p
    join drawn d on d.category =
      case when p.category in (select category from drawn) then p.category else '' end
    where not exists (select from product_images i where i.product_id = p.id)`)
  return added.rowCount
}
