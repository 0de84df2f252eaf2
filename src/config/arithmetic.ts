import { Float, formatNumber, isNumber, type LuaValue, luaType, numberOf, parseNumber } from './lua-value.ts'
import { Fault, type Position } from './problem.ts'

/** Longer text than this is a mistake, or an attempt to fill the memory. */
const MAX_TEXT_BYTES = 4 * 1024 * 1024

type Arithmetic = '+' | '-' | '*' | '/' | '//' | '%' | '^'

/** An operator of Lua 5.3 on two values. @throws {Fault} with Lua's reason when the types do not fit. */
export function binary(operator: string, left: LuaValue, right: LuaValue, at: Position): LuaValue {
  switch (operator) {
    case '==':
      return same(left, right)
    case '~=':
      return !same(left, right)
    case '<':
      return less(left, right, at)
    case '>':
      return less(right, left, at)
    case '<=':
      return lessOrEqual(left, right, at)
    case '>=':
      return lessOrEqual(right, left, at)
    case '..':
      return join(left, right, at)
    default:
      // the evaluator gets no other operators: needs-lua.ts hands the bitwise ones to the Lua machine
      return arithmetic(operator as Arithmetic, left, right, at)
  }
}

export function negate(value: LuaValue, at: Position): LuaValue {
  const n = operand(value, at)
  if (n instanceof Float) return new Float(-n.value)
  return n === 0 ? 0 : -n
}

function arithmetic(operator: Arithmetic, left: LuaValue, right: LuaValue, at: Position): LuaValue {
  const a = operand(left, at)
  const b = operand(right, at)
  const [x, y] = [numberOf(a), numberOf(b)]
  const whole = typeof a === 'number' && typeof b === 'number'
  if (operator === '/') return new Float(x / y)
  if (operator === '^') return new Float(x ** y)
  if (whole && y === 0 && (operator === '//' || operator === '%')) throw new Fault(at, `attempt to divide by zero (${operator})`)
  const n = compute(operator, x, y)
  return whole && Number.isSafeInteger(n) ? n + 0 : new Float(n)
}

function compute(operator: '+' | '-' | '*' | '//' | '%', x: number, y: number): number {
  switch (operator) {
    case '+':
      return x + y
    case '-':
      return x - y
    case '*':
      return x * y
    case '//':
      return Math.floor(x / y)
    case '%':
      return modulo(x, y)
  }
}

/** Lua's remainder has the sign of the divisor. */
function modulo(x: number, y: number): number {
  const r = x % y
  return r !== 0 && r < 0 !== y < 0 ? r + y : r
}

function operand(value: LuaValue, at: Position): number | Float {
  const n = typeof value === 'string' ? parseNumber(value) : value
  if (isNumber(n)) return n
  throw new Fault(at, `attempt to calculate with a ${luaType(value)} value`)
}

function same(left: LuaValue, right: LuaValue): boolean {
  return isNumber(left) && isNumber(right) ? numberOf(left) === numberOf(right) : left === right
}

function less(left: LuaValue, right: LuaValue, at: Position): boolean {
  if (isNumber(left) && isNumber(right)) return numberOf(left) < numberOf(right)
  if (typeof left === 'string' && typeof right === 'string') return left < right
  throw incomparable(left, right, at)
}

function lessOrEqual(left: LuaValue, right: LuaValue, at: Position): boolean {
  if (isNumber(left) && isNumber(right)) return numberOf(left) <= numberOf(right)
  if (typeof left === 'string' && typeof right === 'string') return left <= right
  throw incomparable(left, right, at)
}

function incomparable(left: LuaValue, right: LuaValue, at: Position): Fault {
  return new Fault(at, `attempt to compare ${luaType(left)} with ${luaType(right)}`)
}

function join(left: LuaValue, right: LuaValue, at: Position): string {
  const [a, b] = [piece(left, at), piece(right, at)]
  if (a.length + b.length > MAX_TEXT_BYTES) throw new Fault(at, 'this text is longer than 4 MiB')
  return a + b
}

function piece(value: LuaValue, at: Position): string {
  if (typeof value === 'string') return value
  if (isNumber(value)) return formatNumber(value)
  const empty = value === undefined ? '; a variable of the environment or a file may be missing' : ''
  throw new Fault(at, `attempt to join (..) a ${luaType(value)} value${empty}`)
}
