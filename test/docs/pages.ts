import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

export const ROOT = join(import.meta.dirname, '..', '..')

/** A Markdown page of the project, by its path from the root. */
export interface Page {
  readonly path: string
  readonly text: string
}

/** A fenced block: what stands behind the fence, and where it begins. */
export interface Block {
  readonly page: string
  readonly line: number
  readonly tag: string
  readonly code: string
}

/** Every page at the root and under docs/. */
export function pages(): readonly Page[] {
  const top = readdirSync(ROOT).filter((name) => name.endsWith('.md'))
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'))
  const files = [...top, ...docs.map((name) => join('docs', name))]
  return files.map((path) => ({ path: relative('.', path), text: readFileSync(join(ROOT, path), 'utf8') }))
}

export function blocks(...tags: readonly string[]): readonly Block[] {
  return pages().flatMap(({ path, text }) => {
    const found: Block[] = []
    let open: { readonly tag: string; readonly line: number; readonly code: string[] } | undefined
    for (const [i, line] of text.split('\n').entries()) {
      if (!line.startsWith('```')) open?.code.push(line)
      else if (open === undefined) open = { tag: line.slice(3).trim(), line: i + 1, code: [] }
      else {
        found.push({ page: path, line: open.line, tag: open.tag, code: `${open.code.join('\n')}\n` })
        open = undefined
      }
    }
    return found.filter(({ tag }) => tags.includes(tag))
  })
}
