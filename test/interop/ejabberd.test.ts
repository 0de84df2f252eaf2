import { ejabberd, entente } from './evidence.ts'
import { pairTests } from './pair.ts'

pairTests({ here: entente, there: ejabberd, proofs: ['external', 'external'], net: '127.22.0' })
pairTests({ here: entente, there: ejabberd, proofs: ['dialback', 'dialback'], net: '127.22.1' })
pairTests({ here: entente, there: ejabberd, proofs: ['external', 'dialback'], net: '127.22.2' })
pairTests({ here: entente, there: ejabberd, proofs: ['plain', 'external'], net: '127.22.3' })
pairTests({ here: entente, there: ejabberd, proofs: ['external', 'plain'], net: '127.22.4' })
