import { NS } from './ns.ts'

/** What a prefix means from an element of depth `depth` on. */
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
  /** The default namespaces that are hidden, and the depths of the elements that hid them. */
  readonly #hidden: string[] = []
  readonly #hiddenAt: number[] = []
  readonly #bindings: Binding[] = []
  #prefixes: Map<string, Binding> | undefined

  constructor(initial = '') {
    this.default = initial
  }

  lookup(prefix: string): Binding | undefined {
    return this.#prefixes?.get(prefix) ?? (prefix === 'xml' ? XML : undefined)
  }

  /** Puts a declaration in force; `prefix` is '' for the default namespace. */
  declare(prefix: string, uri: string, depth: number): void {
    if (prefix === '') {
      this.#hidden.push(this.default)
      this.#hiddenAt.push(depth)
      this.default = uri
      return
    }
    this.#prefixes ??= new Map()
    const binding: Binding = { prefix, uri, depth, outer: this.#prefixes.get(prefix) }
    this.#bindings.push(binding)
    this.#prefixes.set(prefix, binding)
  }

  /** Forgets what the element of that depth declared. */
  leave(depth: number): void {
    const at = this.#hiddenAt
    while (at.length > 0 && at[at.length - 1] === depth) {
      at.pop()
      this.default = this.#hidden.pop()!
    }
    const bindings = this.#bindings
    while (bindings.length > 0 && bindings[bindings.length - 1]!.depth === depth) {
      const { prefix, outer } = bindings.pop()!
      if (outer === undefined) this.#prefixes!.delete(prefix)
      else this.#prefixes!.set(prefix, outer)
    }
  }

  leaveAll(): void {
    this.#hidden.length = this.#hiddenAt.length = this.#bindings.length = 0
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
