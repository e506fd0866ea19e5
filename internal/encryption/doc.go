// Package encryption encrypts archives in the format of age (age-encryption.org/v1), and decrypts them. Everything that the program age
// writes is read here, and the other way round: the format is that of the library filippo.io/age, and nothing is added to it.
//
// # Whom for
//
// [Recipients] are public keys (age1…, age1pq1…, ssh-ed25519, ssh-rsa), with which nothing can be decrypted, or one passphrase, with which
// everything can. [Keys] are what decrypts: identities of age, also in a file that has a passphrase of its own, private keys of OpenSSH,
// and passphrases. Plugins of age are refused: they are other programs.
//
// A public key is named by its fingerprint, see [Fingerprint]. The header of an encrypted file does not say whom it is for, but for how
// many and of which kinds.
//
// # Promises
//
// What is encrypted is told by its content, see [Sniff], never by its name. Memory does not grow with the size of an archive.
//
// age authenticates in pieces of 64 KiB: what [Keys.Decrypt] gives is right as far as it goes, but may stop short. Only at the end, where
// a Read returns io.EOF, is it known to be whole. So whoever uses it keeps it aside until then. Age files have no signature: for recipients
// anybody can encrypt.
//
// No error holds a passphrase, or a line of a file that should hold keys: it may be a secret that is in the wrong file.
package encryption
