import type { Expression, Node, Statement } from 'luaparse'

/** The functions that the evaluator runs itself. */
export const KNOWN_CALLS: ReadonlySet<string> = new Set([
  'VirtualHost',
  'Host',
  'host',
  'Component',
  'component',
  'Include',
  'include',
  'RunScript',
  'FileContents',
  'FileLine',
  'FileLines',
  'Credential',
  'tostring',
  'tonumber',
])

const OWN_STATEMENTS: ReadonlySet<string> = new Set([
  'AssignmentStatement',
  'LocalStatement',
  'CallStatement',
  'IfStatement',
  'DoStatement',
  'ReturnStatement',
])

const BITWISE: ReadonlySet<string> = new Set(['&', '|', '~', '<<', '>>'])
const LIBRARIES: ReadonlySet<string> = new Set(['string', 'table', 'math', 'utf8', 'os'])

/**
 * True for a file that is more than settings: it has functions, loops, or calls that only the language itself can run.
 * Such a file is given to the Lua machine; all others never load it.
 */
export function needsLua(body: readonly Statement[]): boolean {
  return body.some(statementNeedsLua)
}

function statementNeedsLua(statement: Statement): boolean {
  if (!OWN_STATEMENTS.has(statement.type)) return true
  switch (statement.type) {
    case 'AssignmentStatement':
      return statement.variables.some(needs) || statement.init.some(needs)
    case 'LocalStatement':
      return statement.init.some(needs)
    case 'CallStatement':
      return needs(statement.expression)
    case 'IfStatement':
      return statement.clauses.some((c) => (c.type !== 'ElseClause' && needs(c.condition)) || needsLua(c.body))
    case 'DoStatement':
      return needsLua(statement.body)
    case 'ReturnStatement':
      return statement.arguments.some(needs)
    default:
      return true
  }
}

function needs(node: Expression): boolean {
  switch (node.type) {
    case 'FunctionDeclaration':
    case 'VarargLiteral':
      return true
    case 'TableConstructorExpression':
      return node.fields.some((f) => needs(f.value) || (f.type === 'TableKey' && needs(f.key)))
    case 'BinaryExpression':
      return BITWISE.has(node.operator) || needs(node.left) || needs(node.right)
    case 'LogicalExpression':
      return needs(node.left) || needs(node.right)
    case 'UnaryExpression':
      return node.operator === '~' || needs(node.argument)
    case 'MemberExpression':
      return node.indexer === ':' || isLibrary(node.base) || needs(node.base)
    case 'IndexExpression':
      return isLibrary(node.base) || needs(node.base) || needs(node.index)
    case 'CallExpression':
      return !isKnownCall(node.base) || node.arguments.some(needs)
    case 'TableCallExpression':
      return !isKnownCall(node.base) || needs(node.arguments)
    case 'StringCallExpression':
      return !isKnownCall(node.base)
    default:
      return false
  }
}

function isLibrary(base: Expression): boolean {
  return base.type === 'Identifier' && LIBRARIES.has(base.name)
}

/** `Component "x"` is called again with the module's name, so a call may stand on a call. */
function isKnownCall(base: Node): boolean {
  switch (base.type) {
    case 'Identifier':
      return KNOWN_CALLS.has(base.name)
    case 'MemberExpression':
      return base.base.type === 'Identifier' && base.base.name === 'os' && base.identifier.name === 'getenv'
    case 'CallExpression':
      return isKnownCall(base.base) && !base.arguments.some(needs)
    case 'TableCallExpression':
      return isKnownCall(base.base) && !needs(base.arguments)
    case 'StringCallExpression':
      return isKnownCall(base.base)
    default:
      return false
  }
}
