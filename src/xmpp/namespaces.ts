import { NS } from './ns.ts'

/** What a prefix ('' for the default namespace) means from an element of depth `depth` on. */
export interface Binding {
  readonly prefix: string
  readonly uri: string
  readonly depth: number
  /** The binding that this one hides. */
  readonly outer: Binding | undefined
}

const XML: Binding = { prefix: 'xml', uri: NS.xml, depth: 0, outer: undefined }

/** The namespaces in force at one place of a document. URIs are as written: nothing is mapped here. */
export class Namespaces {
  /** The default namespace; '' when there is none. */
  default: string
  #stack: Binding[] = []
  #prefixes: Map<string, Binding> | undefined

  constructor(initial = '') {
    this.default = initial
  }

  lookup(prefix: string): Binding | undefined {
    return this.#prefixes?.get(prefix) ?? (prefix === 'xml' ? XML : undefined)
  }

  declare(prefix: string, uri: string, depth: number): void {
    if (prefix === '') {
      const outer: Binding = { prefix, uri: this.default, depth, outer: undefined }
      this.#stack.push({ prefix, uri, depth, outer })
      this.default = uri
      return
    }
    this.#prefixes ??= new Map()
    const binding: Binding = { prefix, uri, depth, outer: this.#prefixes.get(prefix) }
    this.#stack.push(binding)
    this.#prefixes.set(prefix, binding)
  }

  /** Forgets what the element of that depth declared. */
  leave(depth: number): void {
    const stack = this.#stack
    while (stack.length > 0 && stack[stack.length - 1]!.depth === depth) {
      const { prefix, outer } = stack.pop()!
      if (prefix === '') this.default = outer!.uri
      else if (outer === undefined) this.#prefixes!.delete(prefix)
      else this.#prefixes!.set(prefix, outer)
    }
  }

  leaveAll(): void {
    this.#stack = []
    this.#prefixes = undefined
    this.default = ''
  }

  /** Every prefix in force and its URI, without the default. */
  prefixes(): ReadonlyMap<string, string> {
    const all = new Map<string, string>()
    if (this.#prefixes !== undefined) for (const [prefix, { uri }] of this.#prefixes) all.set(prefix, uri)
    return all
  }
}

/** The three namespaces that are the content namespace of some stream (RFC 6120 §4.8.2, XEP-0114). */
export function isContentNs(uri: string): boolean {
  return uri === NS.client || uri === NS.server || uri === NS.component
}

/**
 * A namespace as trees name it. Each content namespace is NS.client there: a receiver under jabber:server takes an
 * explicit jabber:server for its content, so for us it must be content already.
 */
export function treeNs(uri: string): string {
  return uri === NS.server || uri === NS.component ? NS.client : uri
}

/** Namespaces in XML 1.0 §3: may `prefix` ('' for the default) be declared as `uri`? The objection, if there is one. */
export function badDeclaration(prefix: string, uri: string): string | undefined {
  if (prefix === 'xmlns') return 'the prefix xmlns is not to be declared'
  if (uri === NS.xmlns) return 'the xmlns namespace is not to be declared'
  if ((prefix === 'xml') !== (uri === NS.xml)) return 'the prefix xml and its namespace belong together'
  if (prefix !== '' && uri === '') return 'a prefix is not to be undeclared'
  return undefined
}
