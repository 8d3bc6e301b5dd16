import { runTogether } from '../groups.ts'

await runTogether('payments-more')
