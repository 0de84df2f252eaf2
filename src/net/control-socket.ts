import { closeSync, existsSync, lstatSync, openSync, unlinkSync } from 'node:fs'
import { createConnection, createServer, type Socket } from 'node:net'
import { basename, dirname } from 'node:path'

/** A unix socket's path must fit into the kernel's 108 bytes (104 on some systems). */
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
  const place = shorten(path)
  if (isSocket(path)) unlinkSync(path)
  const asking = new Set<Socket>()
  const server = createServer((socket) => {
    asking.add(socket)
    socket.on('close', () => asking.delete(socket))
    serve(socket, (request) => {
      asking.delete(socket)
      return answer(request)
    })
  })
  return new Promise((resolve, reject) => {
    server.once('close', () => place.release())
    const refused = (error: Error): void => {
      place.release()
      reject(new Error(`the control socket ${path} cannot be opened: ${error.message}`))
    }
    server.once('error', refused)
    const mask = process.umask(0o177) // private from its first moment on, wherever it is
    server.listen(place.path, () => {
      server.off('error', refused)
      server.on('error', () => {}) // out of descriptors: whoever asks may ask again
      resolve({
        // what is being answered, such as the command to stop, still gets its answer
        close: () => {
          server.close()
          for (const socket of asking) socket.destroy()
        },
      })
    })
    process.umask(mask)
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

interface Place {
  readonly path: string
  release(): void
}

/** A path that the kernel takes: a long one is reached through a descriptor of its folder, where there is such a thing. */
function shorten(path: string): Place {
  if (Buffer.byteLength(path) <= LONGEST_PATH) return { path, release: () => {} }
  if (!existsSync('/proc/self/fd') || Buffer.byteLength(basename(path)) > LONGEST_NAME) {
    throw new Error(
      `the path of the control socket is longer than ${LONGEST_PATH} bytes: set admin_socket to a shorter one (${path})`,
    )
  }
  let folder: number | undefined = openSync(dirname(path), 'r')
  return {
    path: `/proc/self/fd/${folder}/${basename(path)}`,
    release() {
      if (folder !== undefined) closeSync(folder)
      folder = undefined
    },
  }
}

const LONGEST_NAME = LONGEST_PATH - '/proc/self/fd/1234567890/'.length

/** A reload reads many files; what takes longer than this hangs. */
const LONGEST_ANSWER_MS = 30_000

/** Asks a running server; undefined when none listens there. Rejects when it breaks off or does not answer. */
export async function askControlSocket(path: string, request: unknown): Promise<unknown> {
  try {
    const place = shorten(path)
    const line = await exchange(place.path, `${JSON.stringify(request)}\n`).finally(() => place.release())
    return JSON.parse(line)
  } catch (error) {
    if (error instanceof SyntaxError) throw new Error('the server broke off without an answer')
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTSOCK') return undefined
    throw error
  }
}

function exchange(path: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path)
    let text = ''
    socket.setEncoding('utf8')
    socket.setTimeout(LONGEST_ANSWER_MS, () => socket.destroy(new Error(`no answer in ${LONGEST_ANSWER_MS / 1000} s`)))
    socket.on('connect', () => socket.write(line))
    socket.on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
  })
}
