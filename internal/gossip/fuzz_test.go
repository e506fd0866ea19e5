package gossip

import (
	"bytes"
	"testing"

	"github.com/hashicorp/memberlist"
)

// What is taken for a keyring can be used as one, and comes back from the file that is written of it.
func FuzzDecodeKeyring(f *testing.F) {
	f.Add([]byte(`["` + key(1) + `", "` + key(2) + `"]`))
	f.Add([]byte(`["AAAAAAAAAAAAAAAAAAAAAA=="]`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := decodeKeyring(b)
		if err != nil {
			return
		}
		ring, err := memberlist.NewKeyring(keys, keys[0])
		if err != nil {
			t.Fatal(err)
		}
		again, err := encodeKeyring(ring)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeKeyring(again)
		if err != nil || !bytes.Equal(back[0], keys[0]) {
			t.Errorf("%x, %v", back, err)
		}
	})
}
