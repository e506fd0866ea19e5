package drill

import (
	"testing"

	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// Whatever a record holds, working out what the API is to show of it ends with facts or with an error.
func FuzzFacts(f *testing.F) {
	err := Archive(opener("consul-1.21.4/full.snap"))(func(raw record.Raw) error {
		f.Add(byte(raw.Type), append([]byte(nil), raw.Value...))
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(byte(record.TypeRegister), []byte{0xc0})
	f.Add(byte(record.TypeCoordinates), []byte{0x91, 0xc0})
	f.Fuzz(func(t *testing.T, kind byte, value []byte) {
		if n, err := msgpack.Length(value); err != nil || n != len(value) {
			return // such records do not come this far
		}
		raw := record.Raw{Number: 1, Type: record.Type(kind), Value: value}
		named := 0
		err := expectation{7}.facts(raw, func(f fact) error {
			if f.family == "" || len(f.body) == 0 {
				t.Errorf("%+v", f)
			}
			named++
			return nil
		})
		if err == nil && named == 0 && served[raw.Type].family != "" && msgpack.KindOf(value[0]) == msgpack.Map {
			t.Error("no fact of a record that the API shows")
		}
	})
}
