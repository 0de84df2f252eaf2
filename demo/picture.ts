/**
 * Draws docs/demo.svg from what the demo prints: `npm run -s demo | node demo/picture.ts > docs/demo.svg`.
 * Shows the first message of each act and the summary.
 */
import { text } from 'node:stream/consumers'

const LINE_HEIGHT = 18
const WIDTH = 720
const MARGIN = 18

const STYLES = `
  text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #d8dee9; white-space: pre }
  .dim { fill: #7b8696 } .label { fill: #7fc8d8 } .good { fill: #a3be8c } .bad { fill: #ebcb8b }
  .bold { font-weight: bold; fill: #ffffff }`

const escaped = (part: string): string => part.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
const span = (style: Style, part: string): string => `<tspan class="${style}">${escaped(part)}</tspan>`

type Style = 'plain' | 'dim' | 'label' | 'good' | 'bad' | 'bold'

/** Colours lines as the terminal does. */
function drawn(lines: readonly string[]): readonly string[] {
  let style: Style = 'plain'
  return lines.map((line) => {
    const [, time, event = ''] = /^( *[\d.]+ s)( .*)$/.exec(line) ?? []
    if (time !== undefined) {
      style = / reads "/.test(event) ? 'good' : / back after /.test(event) ? 'bad' : 'plain'
      return span('dim', time) + span(style, event)
    }
    if (/^ {9}\S/.test(line)) return span(style, line) // an event that needs a second line
    const [, label, fact = ''] = /^( {11}\S.{16}| {2}\w+ to \w+ +)(.*)$/.exec(line) ?? []
    if (label !== undefined) return span('label', label) + span('plain', fact)
    return span(/^(\d\. |\$ |Summary)/.test(line) ? 'bold' : /^-+$/.test(line) ? 'dim' : 'plain', line)
  })
}

/** The lines from the first that contains `from` up to the first after it that contains `to`, and what continues that one. */
function excerpt(lines: readonly string[], from: string, to: string): readonly string[] {
  const start = lines.findIndex((line) => line.includes(from))
  let end = lines.findIndex((line, index) => index > start && line.includes(to)) + 1
  while (/^ {9}\S/.test(lines[end] ?? '')) end++
  return lines.slice(start, end)
}

function picture(output: string): string {
  const lines = output.trimEnd().split('\n')
  const shown = [
    '$ npm run demo',
    '',
    ...excerpt(lines, 'romeo writes to juliet: "Is', 'juliet reads'),
    ' ...',
    ...excerpt(lines, 'juliet writes to romeo: "Call', 'romeo reads'),
    ' ...',
    ...excerpt(lines, 'romeo writes to juliet: "Can', 'gets it back'),
    '',
    ...lines.slice(lines.indexOf('Summary')),
  ]
  const height = shown.length * LINE_HEIGHT + 2 * MARGIN
  const texts = drawn(shown).map(
    (line, i) => `<text xml:space="preserve" x="${MARGIN}" y="${MARGIN + 13 + i * LINE_HEIGHT}">${line}</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>What npm run demo prints</title>
<style>${STYLES}
</style>
<rect width="100%" height="100%" rx="8" fill="#20252e"/>
${texts.join('\n')}
</svg>
`
}

process.stdout.write(picture(await text(process.stdin)))
