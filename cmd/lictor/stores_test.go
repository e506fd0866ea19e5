package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// twoStores writes a configuration with the directories a and b, and returns the ID of the backup that one run puts into both.
func twoStores(t *testing.T) (id string) {
	t.Helper()
	startServer(t)
	t.Chdir(t.TempDir())
	config := `{"snapshot_agent": {"snapshot": {"interval": "0s"}, "backup_destinations": {"local_storage": [{"path": "a"}, {"path": "b"}]}}}`
	if err := os.WriteFile("two.json", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	inOrder(t, []step{{"snapshot agent -config-file=two.json", 0, "proof=proven"}})
	return listAll(t, "b")[0].ID
}

// The newest backup is the newest of all stores, and is got where it is whole.
func TestGetOfSeveralStores(t *testing.T) {
	old := twoStores(t)
	inOrder(t, []step{{"snapshot agent -interval=0 -local-path=b", 0, "proof=proven"}})
	id := listAll(t, "b")[0].ID
	inOrder(t, []step{
		{"snapshot get -config-file=two.json latest new.snap", 0, id},
		{"snapshot get -config-file=two.json " + old + " old.snap", 0, old},
	})
	damage(t, filepath.Join("a", "consul-"+old+".snap"))
	inOrder(t, []step{
		{"snapshot get -config-file=two.json " + old + " old.snap", 0, "the next store is tried"},
		{"snapshot verify old.snap", 0, "sound"},
		{"snapshot verify -config-file=two.json all", 1, "BAD"},
	})
	damage(t, filepath.Join("b", "consul-"+old+".snap"))
	inOrder(t, []step{{"snapshot get -config-file=two.json " + old + " none.snap", 1, old}})
	if _, err := os.Stat("none.snap"); err == nil {
		t.Error("a damaged snapshot is in a file")
	}
}

// A run that leaves a destination without its snapshot has failed, though the others have it.
func TestOneShotIsNotInEveryDestination(t *testing.T) {
	startServer(t)
	t.Chdir(t.TempDir())
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer refuses.Close()
	config := `{"snapshot_agent": {"snapshot": {"interval": "0s"}, "backup_destinations": {"local_storage": [{"path": "a"}],
		"aws_storage": [{"s3_bucket": "b", "s3_region": "r", "access_key_id": "id", "secret_access_key": "hidden", "s3_force_path_style": true,
		"s3_endpoint": "` + refuses.URL + `"}]}}}`
	if err := os.WriteFile("two.json", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	got := lictor("snapshot", "agent", "-config-file=two.json")
	if got.code != 1 || !strings.Contains(got.out, "Saved snapshot") || !strings.Contains(got.out, "not in every destination") {
		t.Errorf("exit %d\n%s%s", got.code, got.out, got.err)
	}
	if strings.Contains(got.out+got.err, "hidden") {
		t.Error("a secret is in the log")
	}
	if all := listAll(t, "a"); len(all) != 1 || all[0].Proof != "proven" {
		t.Errorf("%+v", all)
	}
}

// A drill takes the proof of an archive away that was damaged, and says so; a list shows it from then on.
func TestVerifyMarksWhatIsDamaged(t *testing.T) {
	id := twoStores(t)
	damage(t, filepath.Join("b", "consul-"+id+".snap"))
	inOrder(t, []step{
		{"snapshot verify -store=b " + id, 1, "BAD"},
		{"snapshot list -store=b", 0, "  proven"},
		{"snapshot verify -drill -store=b all", 1, "BAD"},
		{"snapshot list -store=b", 0, "unproven"},
		{"snapshot list -store=a", 0, "  proven"},
	})
	if all := listAll(t, "b"); !strings.HasPrefix(all[0].Reason, "verification failed") {
		t.Errorf("%+v", all[0])
	}
}

// What one store cannot tell hides nothing of the others.
func TestVerifyGoesOn(t *testing.T) {
	id := twoStores(t)
	if err := os.Remove(filepath.Join("a", "consul-"+id+".snap")); err != nil {
		t.Fatal(err)
	}
	got := lictor("snapshot", "verify", "-config-file=two.json", "-format=json", id)
	var all []verified
	if err := json.Unmarshal([]byte(got.out), &all); err != nil || got.code != 1 || len(all) != 1 || !all[0].Sound || !strings.Contains(got.err, "no such backup") {
		t.Errorf("exit %d, %v, %+v\n%s", got.code, err, all, got.err)
	}
}

// The configuration names the agent that is asked whose archives are adopted.
func TestAdoptAsksTheConfiguredAgent(t *testing.T) {
	id := twoStores(t)
	if err := os.Remove(filepath.Join("b", "consul-"+id+".snap.json")); err != nil {
		t.Fatal(err)
	}
	config := `{"snapshot_agent": {"http_addr": "127.0.0.1:1", "local_storage": {"path": "b"}}}`
	if err := os.WriteFile("b.json", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	inOrder(t, []step{
		{"snapshot adopt -config-file=b.json " + id, 1, "127.0.0.1:1"},
		{"snapshot adopt -config-file=b.json -http-addr=" + os.Getenv("CONSUL_HTTP_ADDR") + " " + id, 0, "Adopted"},
	})
}

// One Ctrl-C can arrive twice, at the process and at its group.
func TestSignalThatComesTwice(t *testing.T) {
	signals := make(chan os.Signal, 2)
	p := &snapshotProcess{signals: signals, config: nil}
	done := make(chan error)
	signals <- syscall.SIGTERM
	ended := make(chan error, 1)
	go func() { ended <- p.end(done, time.Now()) }()
	done <- nil
	if err := <-ended; err != nil {
		t.Error(err)
	}
	signals <- syscall.SIGTERM
	if err := p.end(done, time.Now().Add(-time.Minute)); err == nil || !strings.Contains(err.Error(), "second signal") {
		t.Error(err)
	}
}
