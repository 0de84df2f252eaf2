import { closeSync, existsSync, lstatSync, openSync, unlinkSync } from 'node:fs'
import { createConnection, createServer, type Socket } from 'node:net'
import { basename, dirname } from 'node:path'
import type { Disposable } from './clock.ts'

/** A unix socket's path must fit into the kernel's 108 bytes (104 on some systems). */
const LONGEST_PATH = 100
const LONGEST_REQUEST = 64 * 1024

export interface ControlSocket {
  close(): void
}

/** An answer that goes on after its first line, until whoever asked hangs up. */
interface Following {
  /** Called with where its further lines go; never waits, so that a reader who is slow loses lines. */
  readonly follow: (write: (line: object) => void) => Disposable
}

/** What may wait for somebody who follows and does not read. */
const MOST_UNREAD_BYTES = 256 * 1024

/**
 * Opens the control socket: mode 0600, one JSON line asked, one JSON line answered. What an ended process left there is
 * replaced; the caller holds the lock of the data folder, so nobody else can be listening.
 *
 * @param answer gets what was sent, as parsed JSON; what it returns is sent back
 */
export function openControlSocket(path: string, answer: (request: unknown) => Promise<unknown>): Promise<ControlSocket> {
  const place = shorten(path)
  if (isSocket(path)) unlinkSync(path)
  /** Those that nothing is being done for, or that go on until they are cut. */
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    serve(socket, async (request) => {
      open.delete(socket)
      const answered = await answer(request)
      if (isFollowing(answered) && !socket.destroyed) open.add(socket)
      return answered
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
          for (const socket of open) socket.destroy()
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
    void respond(text.slice(0, end), answer).then((answered) => {
      const line = `${JSON.stringify(answered)}\n`
      if (!isFollowing(answered)) socket.end(line)
      else if (!socket.destroyed) {
        socket.write(line)
        follow(socket, answered)
      }
    })
  })
}

const isFollowing = (answered: unknown): answered is Following =>
  typeof answered === 'object' && answered !== null && 'follow' in answered && typeof answered.follow === 'function'

function follow(socket: Socket, { follow: begin }: Following): void {
  let lost = 0
  const write = (line: object): void => {
    if (socket.destroyed) return
    if (socket.writableLength > MOST_UNREAD_BYTES) {
      lost++
      return
    }
    if (lost > 0) socket.write(`${JSON.stringify({ lost })}\n`)
    lost = 0
    socket.write(`${JSON.stringify(line)}\n`)
  }
  const following = begin(write)
  socket.on('drain', () => {
    if (lost > 0) socket.write(`${JSON.stringify({ lost })}\n`)
    lost = 0
  })
  socket.on('end', () => socket.destroy())
  socket.on('close', () => following.dispose())
  socket.resume() // so that its end is seen; what it says is not looked at
}

async function respond(line: string, answer: (request: unknown) => Promise<unknown>): Promise<unknown> {
  try {
    return await answer(JSON.parse(line))
  } catch (error) {
    return { ok: false, lines: [error instanceof Error ? error.message : String(error)] }
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
    if (isNobody(error)) return undefined
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

/**
 * Asks for an answer that goes on, and hears each of its lines as parsed JSON, the first one included. Resolves when
 * `hangUp` settles or the server ends it; with false when none listens there.
 */
export async function followControlSocket(
  path: string,
  request: unknown,
  hear: (line: unknown) => void,
  hangUp: Promise<void>,
): Promise<boolean> {
  const place = shorten(path)
  try {
    await exchangeLines(place.path, `${JSON.stringify(request)}\n`, hear, hangUp)
    return true
  } catch (error) {
    if (isNobody(error)) return false
    throw error
  } finally {
    place.release()
  }
}

function exchangeLines(path: string, line: string, hear: (line: unknown) => void, hangUp: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path)
    let text = ''
    socket.setEncoding('utf8')
    socket.on('connect', () => socket.write(line))
    socket.on('data', (chunk: string) => {
      const lines = (text + chunk).split('\n')
      text = lines.pop()!
      try {
        for (const one of lines) hear(JSON.parse(one))
      } catch (error) {
        socket.destroy(error instanceof Error ? error : undefined)
      }
    })
    socket.on('error', reject)
    socket.on('close', () => resolve())
    void hangUp.then(() => socket.destroy())
  })
}

/** Nobody listens at the path. */
function isNobody(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTSOCK'
}
