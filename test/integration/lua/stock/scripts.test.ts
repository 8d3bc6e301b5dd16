// The stock scripts, one test for each line of their REPLY, on one Redis server.
import { testScripts } from './suite.ts'

testScripts(false)
