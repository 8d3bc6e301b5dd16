import { runTogether } from '../groups.ts'

await runTogether('without-stores')
