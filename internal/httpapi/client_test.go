package httpapi

import (
	"bytes"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
)

// client returns Consul's own client, speaking to f.
func client(t *testing.T, f *fakeBackend) *api.Client {
	t.Helper()
	srv := httptest.NewServer(newHandler(f, Config{}))
	t.Cleanup(srv.Close)
	c, err := api.NewClient(&api.Config{Address: srv.Listener.Addr().String(), Token: "a token"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClientKV(t *testing.T) {
	kv := client(t, withSession(t)).KV()
	must := func(ok bool, _ *api.WriteMeta, err error) {
		t.Helper()
		if err != nil || !ok {
			t.Fatalf("%t, %v", ok, err)
		}
	}
	key := "dir/<ключ> %/?&"
	if _, err := kv.Put(&api.KVPair{Key: key, Value: []byte("v"), Flags: 42}, nil); err != nil {
		t.Fatal(err)
	}
	pair, meta, err := kv.Get(key, nil)
	if err != nil || pair == nil || pair.Key != key || string(pair.Value) != "v" || pair.Flags != 42 {
		t.Fatalf("%+v, %v", pair, err)
	}
	if meta.LastIndex != pair.ModifyIndex || !meta.KnownLeader || meta.LastContact != 0 || meta.DefaultACLPolicy != "allow" {
		t.Errorf("meta %+v", meta)
	}
	must(kv.CAS(&api.KVPair{Key: key, Value: []byte("w"), ModifyIndex: pair.ModifyIndex}, nil))
	if ok, _, err := kv.CAS(pair, nil); ok || err != nil {
		t.Errorf("late CAS: %t, %v", ok, err)
	}
	must(kv.Acquire(&api.KVPair{Key: "lock", Session: session}, nil))
	must(kv.Release(&api.KVPair{Key: "lock", Session: session}, nil))
	pairs, _, err := kv.List("", nil)
	if err != nil || len(pairs) != 2 || pairs[1].LockIndex != 1 {
		t.Errorf("list %+v, %v", pairs, err)
	}
	keys, _, err := kv.Keys("dir", "/", nil)
	if err != nil || !slices.Equal(keys, []string{"dir/"}) {
		t.Errorf("keys %q, %v", keys, err)
	}
	must2 := func(_ *api.WriteMeta, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must2(kv.Delete(key, nil))
	must2(kv.DeleteTree("", nil))
	if pair, _, err := kv.Get("lock", nil); pair != nil || err != nil {
		t.Errorf("after deletion: %+v, %v", pair, err)
	}
}

func TestClientWatch(t *testing.T) {
	f := newFake()
	f.put(t, "a=1")
	kv := client(t, f).KV()
	got := make(chan string, 1)
	go func() {
		pair, meta, err := kv.Get("a", &api.QueryOptions{WaitIndex: 11})
		if err != nil || meta.LastIndex != 12 {
			t.Errorf("meta %+v, %v", meta, err)
		}
		got <- string(pair.Value)
	}()
	<-f.fetched
	f.put(t, "a=2")
	if value := <-got; value != "2" {
		t.Errorf("value %q", value)
	}
}

func TestClientSnapshot(t *testing.T) {
	f := newFake()
	f.archive = bytes.Repeat([]byte("archive "), 1<<17)
	snapshot := client(t, f).Snapshot()
	body, meta, err := snapshot.Save(&api.QueryOptions{AllowStale: true})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil || !bytes.Equal(b, f.archive) || meta.LastIndex != 233 || !slices.Equal(f.saves, []bool{true}) {
		t.Errorf("%d bytes, %+v, %v", len(b), meta, err)
	}
	if err := snapshot.Restore(nil, bytes.NewReader(b)); err != nil || !bytes.Equal(f.restored, b) {
		t.Errorf("restored %d bytes, %v", len(f.restored), err)
	}
}

func TestClientInformation(t *testing.T) {
	f := newFake()
	c := client(t, f)
	if leader, err := c.Status().Leader(); leader != "127.0.0.1:8300" || err != nil {
		t.Errorf("leader %q, %v", leader, err)
	}
	if _, err := c.Status().LeaderWithQueryOptions(&api.QueryOptions{Datacenter: "other"}); err == nil || !strings.Contains(err.Error(), "No path to datacenter") {
		t.Errorf("leader elsewhere: %v", err)
	}
	self, err := c.Agent().Self()
	if err != nil || self["Config"]["NodeName"] != "n1" {
		t.Errorf("self %v, %v", self, err)
	}
	members, err := c.Agent().MembersOpts(api.MembersOpts{Segment: api.AllSegments, Filter: `Tags["dc"] == dc1`})
	if err != nil || len(members) != 2 || members[1].Status != 4 {
		t.Errorf("members %v, %v", members, err)
	}
	raft, err := c.Operator().RaftGetConfiguration(nil)
	if err != nil || len(raft.Servers) != 1 || !raft.Servers[0].Leader || raft.Servers[0].LastIndex != 233 {
		t.Errorf("Raft %+v, %v", raft, err)
	}
	if dcs, err := c.Catalog().Datacenters(); err != nil || !slices.Equal(dcs, []string{"dc1"}) {
		t.Errorf("datacenters %q, %v", dcs, err)
	}
}
