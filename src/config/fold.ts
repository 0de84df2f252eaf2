import type { Expression, Statement } from 'luaparse'
import { binary } from './arithmetic.ts'
import { isNumber, type LuaValue, numberOf } from './lua-value.ts'

const MAX_INT = 2 ** 31 - 1
const NOWHERE = { file: '', line: 1, column: 1 }

/**
 * The text with every product of whole literals that needs more than 32 bits replaced by its value, lines kept: the Lua
 * machine would compute it wrongly and say nothing.
 */
export function foldedText(text: string, body: readonly Statement[]): string {
  const edits: { readonly from: number; readonly to: number; readonly value: number }[] = []
  const look = (node: Expression): boolean => {
    const value = literalValue(node)
    const range = rangeOf(node)
    if (value === undefined || Math.abs(value) <= MAX_INT || node.type === 'NumericLiteral' || range === undefined) return false
    edits.push({ from: range[0], to: range[1], value })
    return true
  }
  try {
    visit(body, look)
  } catch (error) {
    if (error instanceof RangeError) return text // nested more deeply than the Lua machine itself accepts: it will say so
    throw error
  }
  let folded = text
  for (const { from, to, value } of edits.toSorted((a, b) => b.from - a.from)) {
    const lines = text.slice(from, to).replace(/[^\n]/g, '')
    folded = `${folded.slice(0, from)}(${value}.0)${lines}${folded.slice(to)}`
  }
  return folded
}

/** The value of an expression of whole literals; undefined for any other. */
function literalValue(node: Expression): number | undefined {
  if (node.type === 'NumericLiteral') return Number.isSafeInteger(node.value) ? node.value : undefined
  if (node.type !== 'BinaryExpression' || !['+', '-', '*'].includes(node.operator)) return undefined
  const left = literalValue(node.left)
  const right = literalValue(node.right)
  if (left === undefined || right === undefined) return undefined
  const value: LuaValue = binary(node.operator, left, right, NOWHERE)
  return isNumber(value) && Number.isSafeInteger(numberOf(value)) ? numberOf(value) : undefined
}

/** Calls `look` for every expression below; it returns true where there is no need to go deeper. */
function visit(value: unknown, look: (node: Expression) => boolean): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, look)
    return
  }
  if (typeof value !== 'object' || value === null) return
  // every object in the tree that has a type is a node; what is no expression has none of the types that are looked for
  if ('type' in value && look(value as Expression)) return
  for (const child of Object.values(value)) visit(child, look)
}

/** Where a node stands in the text; luaparse adds it when asked for ranges, its types do not know. */
function rangeOf(node: Expression): readonly [number, number] | undefined {
  return 'range' in node ? (node.range as readonly [number, number]) : undefined
}
