package encryption

import (
	"errors"
	"slices"

	"filippo.io/age"
)

// Recipients are the public keys of the identities of age among the keys, so that these decrypt what is encrypted for them. If one of them
// has a fingerprint that is among those given, only such are taken: a key that was retired stays so. Keys of OpenSSH and passphrases give
// none; a file that is locked is one of these until it has been used.
func (k *Keys) Recipients(among []string) (*Recipients, error) {
	var all, preferred []string
	for _, name := range k.public() {
		all = append(all, name)
		if slices.Contains(among, Fingerprint(name)) {
			preferred = append(preferred, name)
		}
	}
	if len(preferred) > 0 {
		all = preferred
	}
	if len(all) == 0 {
		return nil, errors.New("the keys that were given are no identities of age, so that nothing can be encrypted for them")
	}
	return ParseRecipients(all)
}

// public are the canonical texts of the public keys that can be derived.
func (k *Keys) public() (names []string) {
	if k == nil {
		return nil
	}
	for _, id := range k.list {
		switch id := id.(type) {
		case *lockedFile:
			names = append(names, (&Keys{list: id.ids}).public()...)
		case *age.X25519Identity:
			names = append(names, id.Recipient().String())
		case *age.HybridIdentity:
			names = append(names, id.Recipient().String())
		}
	}
	return names
}
