/** Pictures in a folder, for a shop on one machine. Uploads go to this server, by signed URLs. */
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Clock } from '../kernel/clock.ts'
import { isUuid, newId } from '../kernel/ids.ts'
import { type ImageWidth, imageLimits, imageWidths } from './image-limits.ts'
import type { ImageStore, Upload } from './store.ts'
import type { UploadSignatures } from './upload-signature.ts'

/** A body that is not as long as was announced. */
export class WrongLength extends Error {
  override name = 'WrongLength'
}

export interface DiskStore extends ImageStore {
  /** Streams an original to the disk; it is there as a whole or not at all. Throws {@link WrongLength}. */
  receive(upload: Pick<Upload, 'id' | 'bytes'>, body: Readable): Promise<void>
}

export function diskStore(deps: {
  readonly folder: string
  readonly signatures: UploadSignatures
  readonly clock: Clock
}): DiskStore {
  const { folder, signatures, clock } = deps
  // Ids come from URLs as well: nothing but an id may become a path.
  const named = (kind: 'originals' | 'sizes', id: string) => {
    if (!isUuid(id)) throw new TypeError('not an id')
    return join(folder, kind, id)
  }
  const original = (id: string) => named('originals', id)
  const sized = (id: string, width: ImageWidth) => join(named('sizes', id), `${width}.webp`)

  /** Readers see a whole file or none. */
  const writeWhole = async (path: string, write: (path: string) => Promise<void>) => {
    const part = `${path}.${newId()}.part`
    try {
      await write(part)
      await rename(part, path)
    } catch (error) {
      await rm(part, { force: true })
      throw error
    }
  }

  return {
    signUpload: async (upload) => {
      const expiresSeconds = Math.floor(clock.now() / 1000) + imageLimits.uploadSeconds
      const signature = signatures.sign(upload, expiresSeconds)
      return {
        url: `/uploads/${upload.id}?expires=${expiresSeconds}&signature=${signature}`,
        method: 'PUT',
        headers: { 'content-type': upload.contentType, 'content-length': String(upload.bytes) },
        expiresAt: new Date(expiresSeconds * 1000),
      }
    },
    receive: async ({ id, bytes }, body) => {
      await mkdir(join(folder, 'originals'), { recursive: true })
      await writeWhole(original(id), (part) =>
        pipeline(body, exactly(bytes), createWriteStream(part)),
      )
    },
    originalBytes: (id) => bytesOf(original(id)),
    readOriginal: async (id, max) => {
      const bytes = await bytesOf(original(id))
      if (bytes === null) return null
      if (bytes > max) throw new RangeError(`an original of ${bytes} bytes`)
      return readFile(original(id))
    },
    deleteOriginal: (id) => rm(original(id), { force: true }),
    writeSize: async (id, width, webp) => {
      await mkdir(named('sizes', id), { recursive: true })
      await writeWhole(sized(id, width), (part) => writeFile(part, webp))
    },
    show: async (id, width) => {
      if (!isUuid(id)) return null
      const path = sized(id, width)
      const bytes = await bytesOf(path)
      return bytes === null ? null : { kind: 'file', bytes, open: () => createReadStream(path) }
    },
    deleteSizes: async (id) => {
      await Promise.all(imageWidths.map((width) => rm(sized(id, width), { force: true })))
      await rm(named('sizes', id), { recursive: true, force: true })
    },
  }
}

function exactly(bytes: number) {
  return async function* count(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let seen = 0
    for await (const chunk of chunks) {
      seen += chunk.length
      if (seen > bytes) throw new WrongLength(`more than ${bytes} bytes`)
      yield chunk
    }
    if (seen < bytes) throw new WrongLength(`${seen} of ${bytes} bytes`)
  }
}

async function bytesOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
