/** What the server says it is (XEP-0092, stream headers, command line). The version is package.json's; a test compares. */
export const SOFTWARE = { name: 'Entente', version: '0.1.0' } as const
