import type {
  AssignmentStatement,
  Expression,
  IfStatement,
  IndexExpression,
  LocalStatement,
  MemberExpression,
  Statement,
  TableConstructorExpression,
} from 'luaparse'
import { binary, negate } from './arithmetic.ts'
import type { Language } from './language.ts'
import { Float, isTrue, keyOf, LuaTable, type LuaValue, luaType } from './lua-value.ts'
import { Fault, type Position, type Problems } from './problem.ts'
import type { Source } from './source.ts'

/** Local variables of one block. */
class Scope {
  readonly #parent: Scope | undefined
  readonly #variables = new Map<string, { value: LuaValue }>()

  constructor(parent?: Scope) {
    this.#parent = parent
  }

  declare(name: string, value: LuaValue): void {
    this.#variables.set(name, { value })
  }

  find(name: string): { value: LuaValue } | undefined {
    return this.#variables.get(name) ?? this.#parent?.find(name)
  }
}

/**
 * Runs a file that consists of settings (needs-lua.ts says which do). A statement that fails becomes a problem and the
 * next one is run, so that one look shows everything that is wrong. Without loops and functions the time is bounded by
 * the size of the text.
 */
export class Evaluator {
  readonly #source: Source
  readonly #language: Language
  readonly #problems: Problems

  constructor(source: Source, language: Language, problems: Problems) {
    this.#source = source
    this.#language = language
    this.#problems = problems
  }

  run(body: readonly Statement[]): void {
    this.#block(body, new Scope())
  }

  /** True when a `return` ended it. */
  #block(body: readonly Statement[], scope: Scope): boolean {
    for (const statement of body) {
      try {
        if (this.#statement(statement, scope)) return true
      } catch (error) {
        if (error instanceof RangeError) this.#problems.error(this.#source.at(statement), 'this is nested too deeply to be read')
        else if (error instanceof Fault) this.#problems.error(error.at, error.message)
        else throw error
      }
    }
    return false
  }

  #statement(statement: Statement, scope: Scope): boolean {
    switch (statement.type) {
      case 'AssignmentStatement':
        this.#assign(statement, scope)
        return false
      case 'LocalStatement':
        this.#local(statement, scope)
        return false
      case 'CallStatement':
        this.#value(statement.expression, scope)
        return false
      case 'IfStatement':
        return this.#if(statement, scope)
      case 'DoStatement':
        return this.#block(statement.body, new Scope(scope))
      case 'ReturnStatement':
        return true
      default:
        throw new Fault(this.#source.at(statement), 'this statement is not supported here')
    }
  }

  #if(statement: IfStatement, scope: Scope): boolean {
    for (const clause of statement.clauses) {
      if (clause.type === 'ElseClause' || isTrue(this.#value(clause.condition, scope))) {
        return this.#block(clause.body, new Scope(scope))
      }
    }
    return false
  }

  #local(statement: LocalStatement, scope: Scope): void {
    const values = statement.init.map((init) => this.#value(init, scope))
    for (const [i, variable] of statement.variables.entries()) scope.declare(variable.name, values[i])
  }

  #assign(statement: AssignmentStatement, scope: Scope): void {
    const values = statement.init.map((init) => this.#assigned(init, scope))
    for (const [i, target] of statement.variables.entries()) {
      const init = statement.init[i]
      const at = this.#source.at(target)
      const valueAt = init === undefined ? at : this.#source.at(init)
      if (target.type !== 'Identifier') {
        this.#assignInside(target, values[i], valueAt, scope)
        continue
      }
      const local = scope.find(target.name)
      if (local !== undefined) local.value = values[i]
      else this.#language.set(target.name, at, values[i], valueAt)
    }
  }

  /** A bare word where a value is assigned is a forgotten quote or a wrong `yes`: nil would hide it. */
  #assigned(init: Expression, scope: Scope): LuaValue {
    const word = init.type === 'Identifier' ? init.name : undefined
    if (
      word === undefined ||
      word.startsWith('ENV_') ||
      scope.find(word) !== undefined ||
      this.#language.lookup(word) !== undefined
    ) {
      return this.#value(init, scope)
    }
    throw new Fault(this.#source.at(init), `${word} is not a value${bareHint(word)}`)
  }

  #assignInside(target: MemberExpression | IndexExpression, value: LuaValue, valueAt: Position, scope: Scope): void {
    const table = this.#value(target.base, scope)
    const at = this.#source.at(target)
    if (!(table instanceof LuaTable)) {
      const name = target.base.type === 'Identifier' ? ` (${target.base.name})` : ''
      throw new Fault(at, `a field can only be set in a local table, and this is a ${luaType(table)} value${name}`)
    }
    table.set(this.#key(target, scope), value, valueAt)
  }

  #key(target: MemberExpression | IndexExpression, scope: Scope): string | number | boolean {
    if (target.type === 'MemberExpression') return target.identifier.name
    const key = keyOf(this.#value(target.index, scope))
    if (key === undefined) throw new Fault(this.#source.at(target.index), 'this cannot be the key of a table entry')
    return key
  }

  #value(node: Expression, scope: Scope): LuaValue {
    switch (node.type) {
      case 'StringLiteral':
      case 'BooleanLiteral':
        return node.value
      case 'NilLiteral':
        return undefined
      case 'NumericLiteral':
        return literal(node.raw, node.value)
      case 'Identifier':
        return scope.find(node.name)?.value ?? this.#global(node.name, scope, this.#source.at(node))
      case 'TableConstructorExpression':
        return this.#table(node, scope)
      case 'LogicalExpression':
        return this.#logical(node.operator, node.left, node.right, scope)
      case 'BinaryExpression':
        return binary(node.operator, this.#value(node.left, scope), this.#value(node.right, scope), this.#source.at(node))
      case 'UnaryExpression':
        return this.#unary(node.operator, this.#value(node.argument, scope), this.#source.at(node.argument))
      case 'MemberExpression':
      case 'IndexExpression':
        return this.#index(node, scope)
      case 'CallExpression':
        return this.#call(node.base, node.arguments, scope)
      case 'TableCallExpression':
        return this.#call(node.base, [node.arguments], scope)
      case 'StringCallExpression':
        return this.#call(node.base, [node.argument], scope)
      default:
        throw new Fault(this.#source.at(node), 'this expression is not supported here')
    }
  }

  #global(name: string, scope: Scope, at: Position): LuaValue {
    if (scope.find(name) !== undefined) return undefined // a local variable that holds nil
    const value = this.#language.lookup(name)
    if (value === undefined && !name.startsWith('ENV_')) {
      this.#problems.warn(
        at,
        `${name} has no value here: an option cannot be read back, only a local variable can${bareHint(name)}`,
      )
    }
    return value
  }

  #table(node: TableConstructorExpression, scope: Scope): LuaTable {
    const table = new LuaTable()
    let next = 1
    for (const field of node.fields) {
      const value = this.#value(field.value, scope)
      const at = this.#source.at(field.value)
      if (field.type === 'TableValue') {
        if (value === undefined) this.#problems.warn(at, 'this entry has no value (nil); the list ends here')
        table.set(next++, value, at)
      } else if (field.type === 'TableKeyString') table.set(field.key.name, value, at)
      else {
        const key = keyOf(this.#value(field.key, scope))
        if (key === undefined) throw new Fault(this.#source.at(field.key), 'this cannot be the key of a table entry')
        table.set(key, value, at)
      }
    }
    return table
  }

  #logical(operator: 'and' | 'or', left: Expression, right: Expression, scope: Scope): LuaValue {
    const value = this.#value(left, scope)
    return isTrue(value) === (operator === 'or') ? value : this.#value(right, scope)
  }

  #unary(operator: string, value: LuaValue, at: Position): LuaValue {
    if (operator === 'not') return !isTrue(value)
    if (operator === '-') return negate(value, at)
    if (typeof value === 'string' || value instanceof LuaTable) return value.length
    throw new Fault(at, `attempt to get the length (#) of a ${luaType(value)} value`)
  }

  #index(node: MemberExpression | IndexExpression, scope: Scope): LuaValue {
    const base = this.#value(node.base, scope)
    if (!(base instanceof LuaTable)) throw new Fault(this.#source.at(node), `attempt to read a field of a ${luaType(base)} value`)
    return base.get(this.#key(node, scope))
  }

  #call(base: Expression, args: readonly Expression[], scope: Scope): LuaValue {
    const callee = this.#value(base, scope)
    const at = this.#source.at(base)
    if (typeof callee !== 'function') throw new Fault(at, `attempt to call a ${luaType(callee)} value`)
    const values = args.map((arg) => this.#value(arg, scope))
    return callee(values, args[0] === undefined ? at : this.#source.at(args[0]))
  }
}

/** A decimal with a point or an exponent is a float, as is one that no integer can hold. */
function literal(raw: string, value: number): number | Float {
  const float = /^0x/i.test(raw) ? /[.p]/i.test(raw) : /[.e]/i.test(raw)
  return float || !Number.isSafeInteger(value) ? new Float(value) : value
}

function bareHint(name: string): string {
  const word = name.toLowerCase()
  if (word === 'yes' || word === 'on' || (word === 'true' && name !== 'true')) return '; write true'
  if (word === 'no' || word === 'off' || (word === 'false' && name !== 'false')) return '; write false'
  return `; write text in quotes: "${name}"`
}
