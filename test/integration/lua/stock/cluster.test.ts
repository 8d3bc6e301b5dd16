// The stock scripts once more on a Redis Cluster, which refuses keys that were not declared or lie apart.
import { testScripts } from './suite.ts'

testScripts(true)
