const LIMIT = 256
/** Control characters, line and paragraph separators, and the bidirectional overrides that turn a line around on a terminal. */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g

/** A text of a peer as it may stand in a log line: cut to 256 characters, nothing in it that a terminal or a reader of lines acts on. */
export function sanitize(text: string): string {
  const cut = text.length > LIMIT ? `${text.slice(0, LIMIT)}…` : text
  return visible(cut)
}

/** A text of any length, with nothing in it that a terminal acts on. */
export function visible(text: string): string {
  return text.replace(UNSAFE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
