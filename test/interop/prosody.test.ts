import { entente, prosody } from './evidence.ts'
import { pairTests } from './pair.ts'

pairTests({ here: entente, there: prosody, proofs: ['external', 'external'], net: '127.21.0' })
pairTests({ here: entente, there: prosody, proofs: ['dialback', 'dialback'], net: '127.21.1' })
pairTests({ here: entente, there: prosody, proofs: ['external', 'dialback'], net: '127.21.2' })
pairTests({
  here: entente,
  there: prosody,
  proofs: ['external', 'external'],
  modules: ['smacks'],
  // acknowledgements both ways
  evidence: [/Sending\[s2sin\]: <a (?=[^>]*h='[1-9])/, /Received\[s2sout\]: <a (?=[^>]*h='[1-9])/],
  net: '127.21.5',
})
pairTests({ here: entente, there: prosody, proofs: ['plain', 'external'], net: '127.21.3' })
pairTests({ here: entente, there: prosody, proofs: ['external', 'plain'], net: '127.21.4' })
for (const [here, there, net] of [
  [entente, prosody, '127.21.6'],
  [prosody, entente, '127.21.7'],
] as const) {
  pairTests({ here, there, proofs: ['external', 'external'], modules: ['s2s_bidi'], oneStream: true, net })
}
pairTests({
  here: entente,
  there: prosody,
  proofs: ['dialback', 'dialback'],
  modules: ['s2s_bidi', 'smacks'], // Prosody keeps the stream on which it asked about our key, so there are two
  net: '127.21.8',
})
