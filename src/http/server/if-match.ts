/**
 * The versions that an If-Match header names; null when there is none, or `*`. A tag that is none of ours
 * is no version, and matches nothing. Quotes may be missing: many clients forget them.
 */
export function versionsIn(header: string | undefined): number[] | null {
  if (header === undefined || header.trim() === '*') return null
  return header.split(',').flatMap((tag) => {
    const [, quoted, bare] = /^\s*(?:"(\d{1,9})"|(\d{1,9}))\s*$/.exec(tag) ?? []
    const digits = quoted ?? bare
    return digits === undefined ? [] : [Number(digits)]
  })
}

/** The ETag of a version. */
export function etagOf(version: number): string {
  return `"${version}"`
}
