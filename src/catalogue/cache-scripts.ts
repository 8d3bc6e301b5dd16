/** The catalogue's Lua commands, typed. What each does stands in its file under lua/catalogue. */
import { defineScript } from '../platform/redis/script.ts'

export const putProduct = defineScript({
  file: 'catalogue/put-product',
  keys: ['product'],
  args: ['version', 'body', 'seconds'],
  reply: { kept: () => true, stale: () => false },
})
