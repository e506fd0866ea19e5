//go:build heavy

package drill

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
)

// What Need tells is enough, for large states of every build: a drill that is allowed no more is proven.
func TestNeedSuffices(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(i int) []any
		n    int
	}{
		{"keys of 512 bytes", func(i int) []any { return []any{keyOf(i, 512)} }, 200_000},
		{"keys of 10 bytes", func(i int) []any { return []any{keyOf(i, 10)} }, 400_000},
		{"keys of 400 KB", func(i int) []any { return []any{keyOf(i, 400<<10)} }, 300},
		{"nodes with a service and two checks", nodeOf, 20_000},
		{"one node with many services", func(i int) []any { return serviceOf("node", i) }, 30_000},
		{"tokens", func(i int) []any {
			return []any{&record.ACLToken{AccessorID: fmt.Sprint("a", i), SecretID: fmt.Sprint("s", i), Policies: []record.ACLLink{{ID: "p", Name: "n"}}}}
		}, 100_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, size := archiveOf(t, c.n, c.make)
			need := Need(familiesOf(t.Context(), path, nil))
			report, err := RunChild(t.Context(), path, nil, Limits{Memory: need})
			if err != nil {
				t.Fatal(err)
			}
			if !report.Proven() {
				t.Errorf("%s: %s", report.Proof, report.Reason)
			}
			t.Logf("state %s: allowed %s, peak %s, %v, %d facts", mib(size), mib(need), mib(report.PeakMemory), report.Duration, report.Facts)
		})
	}
}

func keyOf(i, size int) *record.KVEntry {
	value := make([]byte, size)
	for j := range value {
		value[j] = byte(i*31 + j*j)
	}
	return &record.KVEntry{Key: fmt.Sprintf("app/%03d/key-%07d", i%1000, i), Value: value, Flags: uint64(i), CreateIndex: uint64(i + 1), ModifyIndex: uint64(i + 1)}
}

func nodeOf(i int) []any {
	name := fmt.Sprint("node-", i)
	return append([]any{&record.Register{Node: name, Address: "192.0.2.1", Datacenter: "dc1", CreateIndex: 1, ModifyIndex: 1}}, serviceOf(name, i)...)
}

func serviceOf(node string, i int) (all []any) {
	n := record.Register{Node: node, Address: "192.0.2.1", Datacenter: "dc1", CreateIndex: 1, ModifyIndex: 1}
	if node == "node" && i == 0 {
		all = append(all, &n)
	}
	s := n
	s.Service = &record.NodeService{ID: fmt.Sprint("web-", i), Service: "web", Port: i % 60000, Tags: []string{"a", "b"}, CreateIndex: 1, ModifyIndex: 1}
	all = append(all, &s)
	for k := range 2 {
		c := n
		c.Check = &record.HealthCheck{Node: node, CheckID: fmt.Sprint("check-", i, "-", k), Name: "is up", Status: "passing", ServiceID: s.Service.ID, ServiceName: "web",
			Output: "HTTP GET http://192.0.2.1/: 200 OK Output: fine", CreateIndex: 1, ModifyIndex: 1}
		all = append(all, &c)
	}
	return all
}

// archiveOf writes an archive and returns its path and the size of its state.
func archiveOf(t *testing.T, n int, make func(i int) []any) (string, int64) {
	b := record.AppendHeader(nil, record.Header{LastIndex: 1 << 30})
	for i := range n {
		for _, v := range make(i) {
			var err error
			if b, err = record.Append(b, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "large.snap")
	if err := os.WriteFile(path, pack(t, b), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, int64(len(b))
}
