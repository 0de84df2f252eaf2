/** Prosody and ejabberd with each other: what fails here is wrong with these tests, not with Entente. */
import { ejabberd, prosody } from './evidence.ts'
import { pairTests } from './pair.ts'

pairTests({ here: prosody, there: ejabberd, proofs: ['external', 'external'], net: '127.20.0' })
pairTests({ here: prosody, there: ejabberd, proofs: ['dialback', 'dialback'], net: '127.20.1' })
