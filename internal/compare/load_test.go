package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/inspect"
	"github.com/lictor-dr/lictor/internal/preflight"
	"github.com/lictor-dr/lictor/internal/record"
)

func TestKeysAreInOrder(t *testing.T) {
	for _, l := range []load{{Keys: 1}, {Keys: 17}, {Keys: 5000}} {
		for i := 1; i < l.Keys; i++ {
			if l.key(i-1) >= l.key(i) {
				t.Fatalf("of %d keys, %s does not sort before %s", l.Keys, l.key(i-1), l.key(i))
			}
		}
	}
}

func TestValues(t *testing.T) {
	for _, size := range []int{1, 2, 3, 64, 512, 5000} {
		l := load{Keys: 10, Value: size}
		first := l.appendValue([]byte("before"), 3, 0)
		if got := len(first) - len("before"); got != size {
			t.Errorf("a value has %d bytes, want %d", got, size)
		}
		if again := l.appendValue([]byte("before"), 3, 0); !bytes.Equal(first, again) {
			t.Errorf("%d bytes: the value is another one each time", size)
		}
	}
	l := standard
	const want = `{"owner":"platform","endpoint":"http://10.150.136.17:8197/v1","enabled":true,"weight":16,"id":"13b0ac0baf9607d2",`
	if got := string(l.appendValue(nil, 0, 0)); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, `"}`) {
		t.Errorf("the first value is %s; figures of other versions of this program can no longer be compared", got)
	}
	if bytes.Equal(l.appendValue(nil, 0, 0), l.appendValue(nil, 0, 1)) {
		t.Error("two generations of a value are the same")
	}
}

// Every load with a name has records that a server takes, and as many as it says.
func TestLoads(t *testing.T) {
	for name, l := range loads {
		l.Keys = min(l.Keys, 1<<20/max(l.Value, 1)) // a megabyte will do
		f, err := writeFiles(t.TempDir(), l)
		if err != nil {
			t.Fatal(name, err)
		}
		checkRecords(t, f.state)
		bare, err := os.Open(f.state)
		if err != nil {
			t.Fatal(err)
		}
		defer bare.Close()
		store, err := fsm.Build(bare, 1, 1)
		if err != nil {
			t.Fatal(name, err)
		}
		_, keys := store.KVKeys(nil, "", "")
		_, sessions := store.Sessions(nil)
		if len(keys) != l.Keys || len(sessions) != l.Sessions {
			t.Errorf("%s: %d keys and %d sessions, want %d and %d", name, len(keys), len(sessions), l.Keys, l.Sessions)
		}
	}
}

// The archive must be one that a real server restores, and be packed as the anchors were.
func TestFiles(t *testing.T) {
	l := load{Keys: 2000, Value: 512}
	f, err := writeFiles(t.TempDir(), l)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := os.Open(f.archive)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	var census *inspect.Census
	result, err := archive.Read(packed, func(_ *archive.Meta, r io.Reader) (err error) {
		census, err = inspect.Count(r, inspect.Options{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := result.Meta.CheckRestorable(result.StateSize); err != nil {
		t.Error(err)
	}
	if s := census.Stats[0]; s.Name != record.TypeKVS.String() || s.Count != int64(l.Keys) {
		t.Errorf("the archive holds %+v, want %d keys", s, l.Keys)
	}
	if ratio := float64(result.StateSize) / float64(result.Bytes); ratio < 3.5 || ratio > 4.5 {
		t.Errorf("the load packs to 1/%.1f, want about a quarter", ratio)
	}
	checkRecords(t, f.state)
}

func checkRecords(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := record.NewReader(f)
	var checker preflight.Checker
	for err == nil {
		var raw record.Raw
		if raw, err = r.Next(); err == nil {
			_, err = checker.Check(raw)
		}
	}
	if err != io.EOF {
		t.Error(err)
	}
}
