package snapstore

import (
	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/msgpack"
)

// EncodePeers returns the old form of a server list that metadata still carries: a msgpack array with the addresses of the
// voters, in the order of the configuration.
func EncodePeers(configuration raft.Configuration) []byte {
	var voters []string
	for _, s := range configuration.Servers {
		if s.Suffrage == raft.Voter {
			voters = append(voters, string(s.Address))
		}
	}
	b := msgpack.AppendArrayHead(nil, len(voters))
	for _, address := range voters {
		b = msgpack.AppendString(b, address)
	}
	return b
}
