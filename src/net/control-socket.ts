import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import { createConnection, createServer, type Socket } from 'node:net'

/** A unix socket's path must fit into the kernel's 108 bytes. */
const LONGEST_PATH = 100
const LONGEST_REQUEST = 64 * 1024

export interface ControlSocket {
  close(): void
}

/**
 * Opens the control socket: mode 0600, one JSON line asked, one JSON line answered. What an ended process left there is
 * replaced; the caller holds the lock of the data folder, so nobody else can be listening.
 *
 * @param answer gets what was sent, as parsed JSON; what it returns is sent back
 */
export function openControlSocket(path: string, answer: (request: unknown) => Promise<unknown>): Promise<ControlSocket> {
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw new Error(
      `the path of the control socket is longer than ${LONGEST_PATH} bytes: set admin_socket to a shorter one (${path})`,
    )
  }
  if (isSocket(path)) unlinkSync(path)
  const connections = new Set<Socket>()
  const server = createServer((socket) => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
    serve(socket, answer)
  })
  return new Promise((resolve, reject) => {
    server.once('error', (error: Error) => reject(new Error(`the control socket ${path} cannot be opened: ${error.message}`)))
    server.listen(path, () => {
      chmodSync(path, 0o600)
      resolve({
        close: () => {
          server.close()
          for (const socket of connections) socket.end()
        },
      })
    })
  })
}

function isSocket(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true
}

function serve(socket: Socket, answer: (request: unknown) => Promise<unknown>): void {
  let text = ''
  socket.setEncoding('utf8')
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: string) => {
    text += chunk
    const end = text.indexOf('\n')
    if (end === -1) {
      if (text.length > LONGEST_REQUEST) socket.destroy()
      return
    }
    socket.removeAllListeners('data')
    void respond(text.slice(0, end), answer).then((line) => socket.end(`${line}\n`))
  })
}

async function respond(line: string, answer: (request: unknown) => Promise<unknown>): Promise<string> {
  try {
    return JSON.stringify(await answer(JSON.parse(line)))
  } catch (error) {
    return JSON.stringify({ ok: false, lines: [error instanceof Error ? error.message : String(error)] })
  }
}

/** Asks a running server; undefined when none listens there. Rejects when it breaks off. */
export function askControlSocket(path: string, request: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path)
    let text = ''
    socket.setEncoding('utf8')
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`))
    socket.on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('end', () => {
      if (text === '') reject(new Error('the server broke off without an answer'))
      else resolve(JSON.parse(text))
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED' || error.code === 'ENOTSOCK') resolve(undefined)
      else reject(new Error(`the control socket ${path}: ${error.message}`))
    })
  })
}
