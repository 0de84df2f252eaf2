#!/usr/bin/env node
// Nothing is imported here: what follows must run on any Node that is asked to.
const OLDEST_NODE = 24

if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  process.stderr.write(
    `entente: Node ${OLDEST_NODE} or newer is needed, and v${process.versions.node} was found: install Node from https://nodejs.org.\n`,
  )
  process.exitCode = 1
} else {
  const { main } = await import('./cli/process.ts')
  await main(process)
}

// makes this file a module: `await` may stand at its top
export {}
