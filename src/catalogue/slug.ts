const lengthMax = 80

/**
 * A title as a part of a URL: lower-case letters and digits without accents, joined by dashes. Empty when
 * nothing of it is left.
 */
export function slugOf(title: string): string {
  return title
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, lengthMax)
    .replace(/^-+|-+$/g, '')
}
