/** Imported first by every entry: an older Node would fail later, and in words that help nobody. */
const [major = 0] = process.versions.node.split('.').map(Number)
if (major < 24) {
  Error.stackTraceLimit = 0
  throw new Error(
    `Sluice needs Node 24 or newer, this is ${process.versions.node}: use the npm commands, which bring it`,
  )
}
