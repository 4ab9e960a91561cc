// Package seal encrypts secrets before they are stored.
//
// Each secret gets a random key of its own (the data key), which encrypts it and is itself
// encrypted by a master key of the configuration (envelope encryption). Both steps are
// AES-256-GCM. The place of the secret, such as tenant and field, is bound into both, so that a
// sealed text that is moved to another place does not open there.
//
//	s1 . <id of the master key> . <data key, encrypted> . <secret, encrypted>
//
// To replace a master key, the new one goes first in the configuration and the old one
// stays behind it: what is sealed from then on uses the new one, and Rewrap encrypts the
// data keys anew, without touching the secrets. Then the old one can go.
//
// A key's id is derived from the key, so nobody has to name keys, and a key can't be
// configured under the id of another. When something fails, the error says which key is wanted,
// and never shows a key or a secret.
package seal
