package consulsnapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/kvarchive"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/storetest"
)

// What the real tool has written is put into a native snapshot: the archive that comes out of that is the same, member by member and
// byte by byte, but for what only Lictor adds.
func TestTheLayoutOfTheRealTool(t *testing.T) {
	for _, second := range []int64{1795246814, 1795246816} { // without and with legacy ACLs
		t.Run(fmt.Sprint(second), func(t *testing.T) { testLayout(t, second) })
	}
}

func testLayout(t *testing.T, second int64) {
	name := fmt.Sprintf("consul-backup-1.consul.snapshot.%d", second)
	want := fixture(t, "plain/"+name+".tar.gz")
	real := opened(t, want, "")
	var values []any
	ctx := t.Context()
	must(t, real.LegacyACLs(ctx, func(l *kvarchive.LegacyACL) error {
		values = append(values, opaque(record.TypeLegacyACL, legacyACL{l.CreateIndex, l.ModifyIndex, l.ID, l.Name, l.Rules, l.Type}))
		return nil
	}))
	must(t, real.Keys(ctx, func(e *record.KVEntry) error { values = append(values, e); return nil }))
	must(t, real.Queries(ctx, func(q *record.PreparedQuery) error { values = append(values, q); return nil }))
	s := newStage(t, values...)
	s.consul.on("GET /v1/agent/self", says(fmt.Sprintf(`{"Config": {"NodeName": %q}}`, real.NodeName)))
	s.Host, s.Clock = "consul-backup-1", at(second)
	r := s.take(t)
	if r.Key != "backups/2026/11/21/"+name+".tar.gz" || !r.OneMoment {
		t.Errorf("%+v", r)
	}
	wantHeaders, wantContent := members(t, want)
	headers, content := members(t, s.bin.get(t, r.Key))
	ours := fmt.Sprintf("%s/consul.acl-v2.%d.json", name, second)
	if len(headers) != len(wantHeaders)+1 || headers[len(headers)-1].Name != ours {
		t.Fatalf("%d members", len(headers))
	}
	for i, w := range wantHeaders {
		if g := headers[i]; g.Name != w.Name || g.Typeflag != w.Typeflag || g.Mode != w.Mode {
			t.Errorf("member %d: %s %c %o, want %s %c %o", i, g.Name, g.Typeflag, g.Mode, w.Name, w.Typeflag, w.Mode)
		}
	}
	for member, text := range wantContent {
		if filepath.Base(member) != "meta.json" && content[member] != text {
			t.Errorf("%s:\n%s\nwant\n%s", member, content[member], text)
		}
	}
	meta, wantMeta := decoded(t, content[name+"/meta.json"]), decoded(t, wantContent[name+"/meta.json"])
	delete(meta, "ACLV2Sha256")
	if !maps.Equal(meta, wantMeta) {
		t.Errorf("meta.json: %v, want %v", meta, wantMeta)
	}
}

func TestACLsOfToday(t *testing.T) {
	rules := msgpack.Extra{
		{Key: "Rules", Value: msgpack.Append(nil, `key "" { policy = "read" }`)}, {Key: "Type", Value: msgpack.Append(nil, "client")},
	}
	s := newStage(t,
		&record.ACLToken{AccessorID: "a1", SecretID: "s1", Description: "today's"},
		&record.ACLToken{SecretID: "s2", Description: "of before 1.4", Extra: rules},
		&record.ACLToken{AccessorID: "a3", SecretID: "s3", Extra: msgpack.Extra{{Key: "Type", Value: msgpack.Append(nil, "management")}}},
		&record.ACLPolicy{ID: "p1", Name: "ops", Rules: "x"}, &record.ACLRole{ID: "r1", Name: "role"}, key("a", "1"))
	a := opened(t, s.bin.get(t, s.take(t).Key), "")
	var got []string
	must(t, a.ACLs(t.Context(), func(acl *kvarchive.ACL) error {
		switch {
		case acl.Token != nil:
			got = append(got, "token "+acl.Token.SecretID)
		case acl.Policy != nil:
			got = append(got, "policy "+acl.Policy.Rules)
		default:
			got = append(got, "role "+acl.Role.Name)
		}
		return nil
	}))
	must(t, a.LegacyACLs(t.Context(), func(l *kvarchive.LegacyACL) error {
		got = append(got, strings.Join([]string{"legacy", l.ID, l.Name, l.Type, l.Rules}, " "))
		return nil
	}))
	want := []string{"token s1", "token s3", "policy x", "role role", `legacy s2 of before 1.4 client key "" { policy = "read" }`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// Consul Enterprise's namespaces have no place in the archive: keys of two of them would be one.
func TestNamespacesAreLeftOutAndTold(t *testing.T) {
	foreign := key("a", "other")
	foreign.Extra = msgpack.Extra{{Key: "Namespace", Value: msgpack.Append(nil, "team")}}
	s := newStage(t, key("a", "ours"), foreign)
	if got := contents(t, s.bin.get(t, s.take(t).Key)); len(got) != 1 || got["a"] != "ours" {
		t.Errorf("%v", got)
	}
	if !strings.Contains(s.said.String(), "[WARN] 1 object of other namespaces or partitions") {
		t.Errorf("said %s", s.said)
	}
}

// The date is that of the host's zone, without zeros in front; T is not.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		zone, prefix, want string
		at                 int64
	}{
		{"UTC", "backups", "backups/2026/11/21/host1.consul.snapshot.1795246816.tar.gz", 1795246816},
		{"Pacific/Kiritimati", "backups", "backups/2026/11/22/host1.consul.snapshot.1795280000.tar.gz", 1795280000},
		{"America/New_York", "dc1/x", "dc1/x/2026/3/4/host1.consul.snapshot.1772686799.tar.gz", 1772686799},
		{"UTC", "dc1/x", "dc1/x/2026/3/5/host1.consul.snapshot.1772686799.tar.gz", 1772686799},
		{"UTC", "", "2026/3/5/host1.consul.snapshot.1772686799.tar.gz", 1772686799},
	} {
		t.Run(c.zone, func(t *testing.T) {
			zone, err := time.LoadLocation(c.zone)
			must(t, err)
			s := newStage(t, key("a", "1"))
			s.Zone, s.Config.Prefix, s.Clock = zone, c.prefix, at(c.at)
			s.take(t)
			if got := s.bin.names(); !slices.Equal(got, []string{c.want}) {
				t.Errorf("got %q", got)
			}
			if got := s.consul.marks(); !slices.Equal(got, []string{fmt.Sprint(c.at)}) {
				t.Errorf("marked %q", got)
			}
		})
	}
}

// Backups of one host never have one name, in one process or in several.
func TestTwoInOneSecond(t *testing.T) {
	one := newStage(t, key("a", "1"))
	two := newStage(t, key("a", "1"))
	two.Config.ScratchDir, two.Places = one.Config.ScratchDir, one.Places
	one.Clock, two.Clock = clock.Real{}, clock.Real{}
	ended := make(chan error, 2)
	for _, s := range []*stage{one, two} {
		go func() {
			_, err := s.Take(t.Context(), nil)
			ended <- err
		}()
	}
	must(t, errors.Join(<-ended, <-ended))
	one.take(t)
	if names := one.bin.names(); len(names) != 3 {
		t.Errorf("kept %q", names)
	}
}

func TestSuspiciouslyEmpty(t *testing.T) {
	marker := key(MarkerKey, "1")
	lock := key(LockKey, "host")
	lock.Flags = api.LockFlagValue
	query := &record.PreparedQuery{ID: "1", Name: "q"}
	for name, values := range map[string][]any{
		"nothing": {}, "the marker alone": {marker}, "marker and lock": {marker, lock}, "queries alone": {query},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, values...)
			s.fails(t, "CONSUL_SNAPSHOT_ALLOW_EMPTY")
			s.Config.AllowEmpty = true
			s.take(t)
		})
	}
}

// The lock of the daemons is no data; a key of that name that is no lock is.
func TestTheLockIsNotBackedUp(t *testing.T) {
	lock := key(LockKey, "host")
	lock.Flags = api.LockFlagValue
	s := newStage(t, key("a", "1"), key(MarkerKey, "7"), lock)
	if got := contents(t, s.bin.get(t, s.take(t).Key)); !maps.Equal(got, map[string]string{"a": "1", MarkerKey: "7"}) {
		t.Errorf("%v", got)
	}
	s = newStage(t, key("a", "1"), key(LockKey, "mine"))
	if got := contents(t, s.bin.get(t, s.take(t).Key)); got[LockKey] != "mine" {
		t.Errorf("%v", got)
	}
}

func TestSelections(t *testing.T) {
	for _, c := range []struct {
		name    string
		sel     Selection
		want    string
		missing string
	}{
		{"a key", Selection{Keys: []string{"app/a"}}, "app/a", ""},
		{"a prefix", Selection{Prefixes: []string{"app/"}}, "app/a app/b", ""},
		{"both, overlapping", Selection{Keys: []string{"app/a", "web"}, Prefixes: []string{"app/"}}, "app/a app/b web", ""},
		{"a key that is not there", Selection{Keys: []string{"app/a", "app"}}, "", `there is not the key "app"`},
		{"a prefix without keys", Selection{Keys: []string{"app/a"}, Prefixes: []string{"appx/"}}, "", `there is not a key below "appx/"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, key("app/a", "1"), key("app/b", "2"), key("web", "3"), key("webx", "4"), &record.PreparedQuery{ID: "1", Name: "q"},
				&record.ACLPolicy{ID: "p", Name: "p"})
			s.Selection = c.sel
			if c.missing != "" {
				s.fails(t, c.missing)
				return
			}
			r := s.take(t)
			data := s.bin.get(t, r.Key)
			if got := strings.Join(slices.Sorted(maps.Keys(contents(t, data))), " "); got != c.want {
				t.Errorf("got %s", got)
			}
			_, all := members(t, data)
			if r.Counts.Queries+r.Counts.Policies != 0 || len(all) != 5 {
				t.Errorf("%+v, %d members", r.Counts, len(all))
			}
		})
	}
}

func TestAMarkerThatIsNotTouched(t *testing.T) {
	s := newStage(t, key("a", "1"))
	s.NoMarker = true
	s.take(t)
	if marks := s.consul.marks(); len(marks) > 0 || len(s.bin.names()) != 1 {
		t.Errorf("marked %q", marks)
	}
}

// Nothing is put anywhere if Consul does not give everything, whole.
func TestAFailedPartFailsTheBackup(t *testing.T) {
	whole := snapshotOf(t, key("a", "1"), key("b", "2"))
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"no leader", refuses(500, "No cluster leader"), "No cluster leader"},
		{"overloaded", refuses(429, "Too Many Requests"), "429"},
		{"an unknown token", refuses(403, "ACL not found"), "list the keys: Unexpected response code: 403 (ACL not found"},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(whole[:len(whole)/2]) }, "read the snapshot"},
		{"damaged", func(w http.ResponseWriter, _ *http.Request) {
			bad := bytes.Clone(whole)
			bad[len(bad)/2] ^= 1
			_, _ = w.Write(bad)
		}, "read the snapshot"},
		{"nothing", says(""), "read the snapshot"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			s.consul.on("GET /v1/snapshot", c.answer)
			s.consul.on("GET /v1/kv/", refuses(403, "ACL not found"))
			s.fails(t, c.want)
			if s.bin.opened > 0 {
				t.Error("a place was opened")
			}
		})
	}
}

func TestConsulThatIsNotThere(t *testing.T) {
	s := newStage(t)
	s.consul.Close()
	s.fails(t, "connection refused")
}

// A marker that cannot be written fails the backup; what was kept is proven, and stays.
func TestAMarkerThatCannotBeWritten(t *testing.T) {
	s := newStage(t, key("a", "1"))
	s.consul.on("PUT /v1/kv/"+MarkerKey, refuses(403, "Permission denied"))
	if _, err := s.Take(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "the archive is kept, but") {
		t.Errorf("%v", err)
	}
	if len(s.bin.names()) != 1 {
		t.Errorf("kept %q", s.bin.names())
	}
}

// Nobody but the holder of the lock puts anything anywhere.
func TestTheGuard(t *testing.T) {
	lost := errors.New("the lock is lost")
	for allowed, kept := range []int{0, 1} {
		s := newStage(t, key("a", "1"))
		asked := 0
		_, err := s.Take(t.Context(), func(context.Context) error {
			if asked++; asked > allowed {
				return lost
			}
			return nil
		})
		if !errors.Is(err, lost) || len(s.bin.names()) != kept || len(s.consul.marks()) > 0 {
			t.Errorf("%v, kept %q, marked %q", err, s.bin.names(), s.consul.marks())
		}
	}
}

// A store that loses or changes what it is given is found out, and nothing of that name stays.
func TestStoresThatFail(t *testing.T) {
	for _, c := range []struct {
		strike storetest.Strike
		want   string // of the error; empty: a second try makes it good
	}{
		{storetest.Strike{Fault: storetest.FailPut}, "fails"},
		{storetest.Strike{Fault: storetest.FailAfterPut}, "fails"},
		{storetest.Strike{Fault: storetest.LosePut}, "not what was put there"},
		{storetest.Strike{Fault: storetest.TruncatePut}, "not what was put there"},
		{storetest.Strike{Fault: storetest.FlipPut}, "not what was put there"},
		{storetest.Strike{Fault: storetest.ZeroPut}, "not what was put there"},
		{storetest.Strike{Fault: storetest.EmptyPut}, "not what was put there"},
		{storetest.Strike{Fault: storetest.FailGet}, "fails"},
		{storetest.Strike{Fault: storetest.FailRead}, "read back"},
		{storetest.Strike{Fault: storetest.TruncateRead}, "not what was put there"},
		{storetest.Strike{Fault: storetest.FlipPut, Times: 1}, ""},
		{storetest.Strike{Fault: storetest.LosePut, Times: 1}, ""},
	} {
		t.Run(fmt.Sprint(c.strike.Fault, c.strike.Times), func(t *testing.T) {
			s := newStage(t, key("a", "1"))
			s.bin.around = func(honest blobstore.Store) blobstore.Store { return storetest.NewFaulty(honest, 1, c.strike) }
			if c.want != "" {
				s.fails(t, c.want)
				return
			}
			if got := contents(t, s.bin.get(t, s.take(t).Key)); got["a"] != "1" {
				t.Errorf("%v", got)
			}
		})
	}
}

// What is no backup and cannot be deleted either is told.
func TestWhatCannotBeDeletedIsTold(t *testing.T) {
	s := newStage(t, key("a", "1"))
	s.bin.around = func(honest blobstore.Store) blobstore.Store {
		return storetest.NewFaulty(honest, 1, storetest.Strike{Fault: storetest.FlipPut}, storetest.Strike{Fault: storetest.FailDelete})
	}
	_, err := s.Take(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "bin:"+theKey+" may be there although it is no backup") {
		t.Errorf("%v", err)
	}
}

// One place that fails fails the backup; the other keeps what it has, for it is a good one.
func TestOneOfTwoPlacesFails(t *testing.T) {
	s := newStage(t, key("a", "1"))
	broken := &bin{around: func(honest blobstore.Store) blobstore.Store {
		return storetest.NewFaulty(honest, 1, storetest.Strike{Fault: storetest.FailPut})
	}}
	s.Places = []Place{broken.place(), s.bin.place()}
	if r, err := s.Take(t.Context(), nil); err == nil || r != nil {
		t.Errorf("%v, %v", r, err)
	}
	if len(s.bin.names()) != 1 || len(broken.names()) != 0 || len(s.consul.marks()) != 0 {
		t.Errorf("kept %q and %q, marked %q", s.bin.names(), broken.names(), s.consul.marks())
	}
}

// A signal in the middle of an upload leaves neither an object nor a scratch file.
func TestCutShort(t *testing.T) {
	s := newStage(t, key("a", "1"))
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped by a signal")
	s.bin.around = func(honest blobstore.Store) blobstore.Store {
		return &endsAt{honest, func(context.Context) { cancel(stopped) }}
	}
	if _, err := s.Take(ctx, nil); err == nil {
		t.Error("the backup is said to be made")
	}
	if len(s.bin.names())+len(s.consul.marks()) > 0 {
		t.Errorf("kept %q, marked %q", s.bin.names(), s.consul.marks())
	}
}

// endsAt stores an object, and then calls something.
type endsAt struct {
	blobstore.Store
	then func(context.Context)
}

func (e *endsAt) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	err := e.Store.Put(context.WithoutCancel(ctx), name, r, size)
	e.then(ctx)
	return errors.Join(err, context.Cause(ctx))
}

func TestEncrypted(t *testing.T) {
	s := newStage(t, key("a", "a very secret value"))
	s.Config.Passphrase = passphrase
	r := s.take(t)
	data := s.bin.get(t, r.Key)
	if !bytes.HasPrefix(data, []byte("v0:")) || bytes.Contains(data, []byte("host1.consul")) || r.Key != theKey {
		t.Errorf("%s begins with %q", r.Key, data[:8])
	}
	if a := opened(t, data, passphrase); !a.Encrypted || a.NodeName != "node1" {
		t.Errorf("%+v", a)
	}
	if strings.Contains(s.said.String()+r.String(), "secret") || strings.Contains(s.said.String(), passphrase) {
		t.Errorf("said %s", s.said)
	}
}

// LOCAL_DIR: files that nobody else can read, without directories for the date, and the marker.
func TestLocalDirectory(t *testing.T) {
	s := newStage(t, key("a", "1"))
	s.Config.LocalDir = filepath.Join(t.TempDir(), "new", "backups")
	s.Places = s.Config.Places(s.Log)
	for range 2 {
		s.take(t)
	}
	files, err := os.ReadDir(s.Config.LocalDir)
	must(t, err)
	var names []string
	for _, f := range files {
		info, err := f.Info()
		if must(t, err); info.Mode() != 0o600 {
			t.Errorf("%s has mode %s", f.Name(), info.Mode())
		}
		names = append(names, f.Name())
	}
	want := []string{"host1.consul.snapshot.1795246816.tar.gz", "host1.consul.snapshot.1795246817.tar.gz"}
	if !slices.Equal(names, want) || len(s.consul.marks()) != 2 {
		t.Errorf("files %q, marked %q", names, s.consul.marks())
	}
}

// What killed processes have left is swept: claims after a minute, half-written files after a day, and nothing else.
func TestSweeping(t *testing.T) {
	s := newStage(t, key("a", "1"))
	s.Config.LocalDir = t.TempDir()
	s.Places = s.Config.Places(s.Log)
	now := time.Now()
	s.Clock = at(now.Unix())
	old, recent := now.Add(-25*time.Hour), now.Add(-23*time.Hour)
	const archive = "host1.consul.snapshot.1.tar.gz"
	for path, age := range map[string]time.Time{
		s.Config.LocalDir + "/" + archive: old, s.Config.LocalDir + "/other.tmp1": old,
		s.Config.LocalDir + "/" + archive + ".tmp12": old, s.Config.LocalDir + "/" + archive + ".tmp34": recent, s.Config.ScratchDir + "/lictor-consul-snapshot-host1-7.claim": old,
	} {
		must(t, os.WriteFile(path, nil, 0o600))
		must(t, os.Chtimes(path, age, age))
	}
	s.take(t)
	files, err := filepath.Glob(s.Config.LocalDir + "/*")
	must(t, err)
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	want := []string{archive, archive + ".tmp34", fmt.Sprintf("host1.consul.snapshot.%d.tar.gz", now.Unix()), "other.tmp1"}
	if !slices.Equal(files, want) {
		t.Errorf("%q, want %q", files, want)
	}
}

// Whatever lies in the scratch directory while a backup is made, nobody else can read it.
func TestScratchFilesArePrivate(t *testing.T) {
	s := newStage(t, key("a", "1"))
	seen := 0
	s.bin.around = func(honest blobstore.Store) blobstore.Store {
		files, err := os.ReadDir(s.Config.ScratchDir)
		must(t, err)
		for _, f := range files {
			info, err := f.Info()
			if must(t, err); info.Mode() != 0o600 {
				t.Errorf("%s has mode %s", f.Name(), info.Mode())
			}
			seen++
		}
		return honest
	}
	if s.take(t); seen < 2 {
		t.Errorf("%d files", seen)
	}
}

// ACCEPTANCE_TEST: one file, in which nothing of earlier runs piles up, and no marker.
func TestAcceptance(t *testing.T) {
	s := newStage(t, key("a", "1"))
	s.Config.Acceptance = true
	s.Places = s.Config.Places(s.Log)
	for range 2 {
		s.take(t)
	}
	files, err := os.ReadDir(s.Config.ScratchDir)
	must(t, err)
	if len(files) != 1 || files[0].Name() != "acceptancetest.tar.gz" || len(s.consul.marks()) > 0 {
		t.Fatalf("files %v, marked %q", files, s.consul.marks())
	}
	data, err := os.ReadFile(filepath.Join(s.Config.ScratchDir, files[0].Name()))
	must(t, err)
	headers, _ := members(t, data)
	if len(headers) != 6 || headers[0].Name != "acceptancetest" && headers[0].Name != "acceptancetest/" {
		t.Errorf("%d members, the first is %s", len(headers), headers[0].Name)
	}
	a, err := s.Config.Fetch(t.Context(), "whatever")
	must(t, err)
	if must(t, a.Close()); a.Counts.Keys != 1 {
		t.Errorf("%+v", a.Counts)
	}
}
