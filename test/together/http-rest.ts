import { runTogether } from '../groups.ts'

await runTogether('http-rest')
