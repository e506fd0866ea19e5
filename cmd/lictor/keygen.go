package main

import (
	"crypto/rand"
	"encoding/base64"

	"github.com/hashicorp/cli"
)

// gossipKeySize is the size in bytes of a new gossip key: that of AES-256.
const gossipKeySize = 32

// keygen makes a gossip key.
type keygen struct{ *program }

func newKeygen(p *program) cli.Command {
	c := &keygen{p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Generates a new encryption key",
			usage:    "keygen",
			about: `
Prints a new key for the encryption of gossip: 32 random bytes in base64. It
is for the setting encrypt of all agents of a cluster, or for the keyring of
one that runs. No agent is asked.

Whoever has the key can join the cluster and read its gossip: keep it secret.`,
			examples: `
    $ {program} keygen
    $ (umask 077; {program} keygen > gossip.key)`,
			status: []exitStatus{
				{0, "printed"},
				{1, "wrong options"},
			},
		},
		execute: c.run,
	}
}

func (c *keygen) run(args []string) int {
	c.ignoreArguments(args)
	key := make([]byte, gossipKeySize)
	rand.Read(key) // never fails
	c.say("%s", base64.StdEncoding.EncodeToString(key))
	return 0
}
