/** What `entente init` writes for one domain. It loads without a problem. */
export function starterConfig(domain: string): string {
  return `-- Entente configuration. The language and the names of the options are those of Prosody.
-- After a change: entente check config, then entente reload.
-- Relative paths start in the folder of this file.

---------- For the whole server ----------
-- What stands above the first VirtualHost counts for every host.

-- The people who run this server, such as { "you@${domain}" }.
admins = { }

-- What runs beside the basics (messages, presence, connections of clients and servers).
modules_enabled = {
  "disco"; -- lets others see what this server can do
  "roster"; -- contact lists
  "saslauth"; -- logging in, for clients and for servers
  "tls"; -- encryption
  "dialback"; -- knowing a server without a valid certificate by its DNS
  "ping"; -- answers pings
  "version"; -- tells which software this is
}

-- To turn something off that runs by itself, for example contact with other servers:
-- modules_disabled = { "s2s" }

---------- Other servers ----------
-- Never exchange anything with another server without encryption.
s2s_require_encryption = true

-- Another server must prove with a valid certificate that it is who it says. Without this line, a look-up in its DNS
-- (dialback) is proof enough when the certificate is not valid, which is easier to reach and easier to forge.
s2s_secure_auth = true

-- Domains that you trust by dialback although the line above is there:
-- s2s_insecure_domains = { "old.example.net" }

---------- Clients ----------
-- Passwords are only accepted after encryption has begun.
c2s_require_encryption = true

-- Clients that start with encryption at once, beside the usual port 5222:
c2s_direct_tls_ports = { 5223 }

-- Accounts are made with: entente adduser NAME@${domain}. Passwords are never stored readable.
authentication = "internal_hashed"

---------- Files ----------
-- Everything that must be kept is here, in one database. Back it up.
data_path = "data"
storage = "internal"

-- Certificates are found here by the names in them: NAME.crt with NAME.key, or fullchain.pem with privkey.pem.
certificates = "certs"

-- "*console" is the terminal or the journal; a file name works as well. Levels: debug, info, warn, error.
log = { info = "*console" }

---------- Hosts ----------
-- One line for each domain. What follows it counts for that domain only.
VirtualHost "${domain}"
`
}
