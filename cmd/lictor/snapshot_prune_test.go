package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/record"
)

// stocked is a directory of backups. Those of a day are begun at 12:00, an hour apart.
type stocked struct {
	t     *testing.T
	store blobstore.Store
	last  *inventory.Compared
}

var stockedFrom = time.Date(2025, 3, 3, 12, 0, 0, 0, time.UTC)

func stock(t *testing.T, dir string) *stocked {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	store, err := blobstore.Dir(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return &stocked{t: t, store: store}
}

// add puts in so many backups of a day, of so many records.
func (s *stocked) add(cluster string, day, n int, records int64) {
	s.t.Helper()
	for i := range n {
		at := stockedFrom.AddDate(0, 0, day).Add(time.Duration(i) * time.Hour)
		id, digest := fmt.Sprint(at.UnixNano()), strings.Repeat("ab", 32)
		e := &inventory.Entry{
			Format: inventory.Format, ID: id, Name: inventory.ArchiveName(id), Cluster: cluster, SHA256: digest, Size: 5, StateSize: records * 50,
			Census:  []inventory.TypeCensus{{Type: record.TypeKVS, Name: "KVS", Count: records, Bytes: records * 50, Digest: digest}},
			Started: at, Saved: at, Committed: at, Proof: inventory.Proven, ProvenAt: &at, Writer: "test", Previous: s.last,
		}
		if err := s.store.Put(s.t.Context(), e.Name, strings.NewReader("bytes"), 5); err != nil {
			s.t.Fatal(err)
		}
		if err := inventory.Commit(s.t.Context(), s.store, e); err != nil {
			s.t.Fatal(err)
		}
		if records >= 100 {
			s.last = &inventory.Compared{ID: id, Records: records, StateSize: records * 50}
		}
	}
}

// pruned runs the command with -format=json and returns what each store's plan says, as "+12:00" or "-13:00", and what was deleted.
func pruned(t *testing.T, line string, code int) (plan prunePlan, actions []string) {
	t.Helper()
	got := lictor(words("snapshot prune -format=json " + line)...)
	if err := json.Unmarshal([]byte(got.out), &plan); got.code != code || err != nil {
		t.Fatalf("%s: exit %d, %v\n%s%s", line, got.code, err, got.out, got.err)
	}
	for _, d := range plan.Destinations {
		var all []string
		for _, b := range d.Backups {
			sign := map[string]string{"keep": "+", "remove": "-"}[b.Action]
			all = append(all, sign+b.Time.Format("02/15"))
			if (b.Action == "keep") != (len(b.Why) > 0) {
				t.Errorf("%+v", b)
			}
		}
		actions = append(actions, strings.Join(all, " "))
	}
	return plan, actions
}

func TestPrune(t *testing.T) {
	t.Chdir(t.TempDir())
	s := stock(t, "snaps")
	s.add("dc1", 0, 2, 100)
	s.add("dc1", 1, 3, 110)
	if err := os.WriteFile(filepath.Join("snaps", "consul-7.snap"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	plan, actions := pruned(t, "-store=snaps -keep-daily=2 -keep-last=2 -dry-run", 0)
	if want := "+04/14 +04/13 -04/12 +03/13 -03/12 +01/00"; actions[0] != want || plan.Cluster != "dc1" || !plan.DryRun || len(plan.Destinations[0].Deleted) > 0 {
		t.Errorf("%q, %+v", actions, plan)
	}
	if d := plan.Destinations[0]; d.Keep != "last 2, daily 2" || !slices.Equal(d.Backups[0].Why, []string{"last 1/2", "daily 1/2", "last proven"}) {
		t.Errorf("%+v", d)
	}
	inOrder(t, []step{
		{"snapshot prune -store=snaps -keep-daily=2 -keep-last=2 -dry-run", 0, "daily 2/2"},
		{"snapshot prune -store=snaps -keep-daily=2 -keep-last=2 -dry-run", 0, "Keeps last 2, daily 2 of cluster dc1: 4 stay, 2 go"},
		{"snapshot prune -store=snaps", 1, "nothing says what to keep"},
		{"snapshot prune -keep-last=2", 1, "no store is named"},
		{"snapshot prune -store=snaps -retain=2 -keep-last=2", 1, "leave one out"},
		{"snapshot prune -store=snaps -keep-daily=-1", 1, "daily must not be negative"},
		{"snapshot prune -store=snaps -keep-within=soon", 1, "not a duration"},
		{"snapshot prune -store=snaps -keep-last=2 -max-shrink=0", 1, "not a percentage"},
		{"snapshot prune -store=snaps -keep-last=2 -format=xml", 1, "Unknown format"},
		{"snapshot prune -store=snaps -keep-last=2 all", 1, "Too many arguments"},
		{"snapshot prune -store=nope -keep-last=2", 1, "nope"},
	})
	if all := listAll(t, "snaps"); len(all) != 6 {
		t.Fatalf("a dry run, or a mistake, has left %d", len(all))
	}
	inOrder(t, []step{
		{"snapshot prune -store=snaps -keep-daily=2 -keep-last=2", 0, "Deleted "},
		{"snapshot prune -store=snaps -keep-daily=2 -keep-last=2", 0, "4 stay, 0 go"},
		{"snapshot prune -store=snaps -retain=1", 0, "retain 1/1, last proven"},
	})
	if all := listAll(t, "snaps"); len(all) != 2 || all[1].Proof != "foreign" {
		t.Errorf("left: %+v", all)
	}
}

// Each destination of a configuration has its own rules, unless flags are given.
func TestPruneOfAConfiguration(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"a", "b"} {
		s := stock(t, dir)
		s.add("dc1", 0, 4, 100)
		s.add("dc2", 1, 2, 100)
	}
	config := `{"snapshot_agent": {"snapshot": {"keep": {"last": 1}, "interval": "0s"}, "backup_destinations": {"local_storage": [{"path": "a"},
		{"path": "b", "retain": 3}]}}}`
	if err := os.WriteFile("two.json", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	inOrder(t, []step{{"snapshot prune -config-file=two.json", 1, "several clusters (dc1, dc2): choose one with -cluster"}})
	_, actions := pruned(t, "-config-file=two.json -cluster=dc1 -dry-run", 0)
	if want := []string{"+04/13 +04/12 +03/15 -03/14 -03/13 -03/12", "+04/13 +04/12 +03/15 +03/14 +03/13 -03/12"}; !slices.Equal(actions, want) {
		t.Errorf("%q", actions)
	}
	_, actions = pruned(t, "-config-file=two.json -cluster=dc1 -dry-run -retain=2", 0)
	if want := "+04/13 +04/12 +03/15 +03/14 -03/13 -03/12"; actions[0] != want || actions[1] != want {
		t.Errorf("%q", actions)
	}
	plan, _ := pruned(t, "-config-file=two.json -cluster=dc1", 0)
	if len(plan.Destinations[0].Deleted) != 3 || len(plan.Destinations[1].Deleted) != 1 || len(listAll(t, "a")) != 3 || len(listAll(t, "b")) != 5 {
		t.Errorf("%+v", plan)
	}
}

// If one store cannot be listed, nothing is deleted from any.
func TestPruneNeedsAllStores(t *testing.T) {
	t.Chdir(t.TempDir())
	stock(t, "a").add("dc1", 0, 4, 100)
	config := `{"snapshot_agent": {"snapshot": {"retain": 1}, "backup_destinations": {"local_storage": [{"path": "a"}], "aws_storage": [{"s3_bucket": "b",
		"s3_region": "r", "access_key_id": "i", "secret_access_key": "s", "s3_endpoint": "http://127.0.0.1:1", "s3_force_path_style": true}]}}}`
	if err := os.WriteFile("two.json", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	inOrder(t, []step{{"snapshot prune -config-file=two.json", 1, "nothing is deleted"}})
	if all := listAll(t, "a"); len(all) != 4 {
		t.Errorf("%d are left", len(all))
	}
}

// A collapse stops the command with a code of its own, whatever else is asked for, until it is accepted.
func TestPruneAfterACollapse(t *testing.T) {
	t.Chdir(t.TempDir())
	s := stock(t, "snaps")
	s.add("dc1", 0, 3, 100)
	s.add("dc1", 1, 2, 10)
	plan, _ := pruned(t, "-store=snaps -retain=1", 2)
	if want := "holds 10 records in 500 bytes of state, 90% less than backup "; !strings.Contains(plan.Collapse, want) {
		t.Errorf("%q", plan.Collapse)
	}
	inOrder(t, []step{
		{"snapshot prune -store=snaps -retain=1 -dry-run", 2, "accept it with -accept-collapse"},
		{"snapshot list -store=snaps", 0, "Warning: nothing of cluster dc1 is deleted from Local"},
		{"snapshot prune -store=snaps -retain=1 -dry-run -accept-collapse", 0, "1 stay, 4 go"},
		{"snapshot prune -store=snaps -retain=1 -dry-run -max-shrink=95%", 0, "1 stay, 4 go"},
		{"snapshot prune -store=snaps -retain=1", 2, "nothing is deleted"},
	})
	all := listAll(t, "snaps")
	if len(all) != 5 || all[0].Collapse == "" || all[1].Collapse == "" || all[2].Collapse != "" {
		t.Fatalf("%+v", all)
	}
	inOrder(t, []step{
		{"snapshot prune -store=snaps -retain=3 -accept-collapse", 0, "3 stay, 2 go"},
		{"snapshot prune -store=snaps -retain=2", 0, "2 stay, 1 go"},
	})
	if got := lictor("snapshot", "list", "-store=snaps"); got.err != "" {
		t.Errorf("still: %s", got.err)
	}
}
