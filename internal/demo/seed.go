package demo

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-uuid"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// services are what the made-up company runs.
var services = []string{"web", "api", "billing", "search", "auth", "mail", "import", "reports"}

const (
	seedIndex = 100 // of everything in the seed
	nodeCount = 12
)

func sessionID(i int) string { return fmt.Sprintf("5e551000-0000-4000-8000-%012d", i) }

// A seed is an archive with a catalog, health checks, sessions, prepared queries and ACLs.
type seed struct{ *archive.Writer }

// seedArchive makes the seed and says what is in it.
func seedArchive() (*seed, string, error) {
	w, err := archive.NewWriter("")
	if err != nil {
		return nil, "", err
	}
	b := record.AppendHeader(nil, record.Header{LastIndex: seedIndex})
	counts := map[record.Type]int{}
	for _, v := range seedRecords() {
		if b, err = record.Append(b, v); err != nil {
			return nil, "", errors.Join(err, w.Close())
		}
		t, _ := record.TypeOf(v)
		counts[t]++
	}
	if _, err := w.Write(b); err != nil {
		return nil, "", errors.Join(err, w.Close())
	}
	meta := archive.Meta{Version: 1, ID: fmt.Sprintf("2-%d-%d", seedIndex, time.Now().UnixMilli()), Index: seedIndex, Term: 2}
	if _, err := w.Finish(meta, time.Now()); err != nil {
		return nil, "", errors.Join(err, w.Close())
	}
	said := fmt.Sprintf("%d nodes with services and checks, %d sessions, %d prepared queries, %d ACL records", nodeCount,
		counts[record.TypeSession], counts[record.TypePreparedQuery],
		counts[record.TypeACLToken]+counts[record.TypeACLPolicy]+counts[record.TypeACLRole])
	return &seed{w}, said, nil
}

// seedRecords returns the records in the order that a snapshot has.
func seedRecords() (all []any) {
	for i := range nodeCount {
		all = append(all, nodeRecords(i)...)
	}
	for i := range nodeCount {
		all = append(all, &record.Coordinates{{Node: nodeName(i), Coord: record.Coord{
			Error: 0.2, Height: 1e-5, Vec: []float64{float64(i) / 1000, 0.001, -0.002, 0, 0, 0, 0, 0}}}})
	}
	for i := range len(locks) + 2 {
		all = append(all, &record.Session{ID: sessionID(i), Name: "leader election", Node: nodeName(i % nodeCount), Behavior: "release",
			LockDelay: 15 * time.Second, NodeChecks: []string{"serfHealth"}, CreateIndex: seedIndex, ModifyIndex: seedIndex})
	}
	all = append(all, aclRecords()...)
	all = append(all, queryRecords()...)
	all = append(all, configEntry("service-defaults", "web", "http"), configEntry("service-defaults", "api", "grpc"))
	for _, table := range []string{"acl-policies", "acl-roles", "acl-token-bootstrap", "acl-tokens", "checks", "config-entries",
		"coordinates", "nodes", "peer.~:checks", "peer.~:nodes", "peer.~:services", "prepared-queries", "services", "sessions"} {
		all = append(all, &record.Index{Key: table, Value: seedIndex})
	}
	return all
}

func nodeName(i int) string { return fmt.Sprintf("node-%02d", i+1) }

// nodeRecords registers a node, its health, and two services with a check each.
func nodeRecords(i int) []any {
	base := record.Register{
		ID: fmt.Sprintf("4d0de000-0000-4000-8000-%012d", i), Node: nodeName(i), Datacenter: "dc1", Address: fmt.Sprintf("10.20.0.%d", i+10),
		TaggedAddresses: map[string]string{"lan": fmt.Sprintf("10.20.0.%d", i+10)}, NodeMeta: map[string]string{"rack": fmt.Sprint("r", i%3+1)},
		CreateIndex: seedIndex, ModifyIndex: seedIndex,
	}
	records := []any{&base}
	var checks []any
	add := func(c record.HealthCheck) {
		r := base
		c.Node, c.CreateIndex, c.ModifyIndex = base.Node, seedIndex, seedIndex
		r.Check = &c
		checks = append(checks, &r)
	}
	for n := range 2 {
		name := services[(i+n*3)%len(services)]
		r := base
		r.Service = &record.NodeService{
			ID: fmt.Sprintf("%s-%d", name, i+1), Service: name, Port: 8000 + i, Tags: []string{"v2", "primary"}, Meta: map[string]string{"team": name},
			Weights: &record.Weights{Passing: 1, Warning: 1}, CreateIndex: seedIndex, ModifyIndex: seedIndex,
		}
		records = append(records, &r)
		status := "passing"
		if i == 5 {
			status = "warning"
		}
		add(record.HealthCheck{CheckID: "service:" + r.Service.ID, Name: "Service '" + name + "' check", Status: status, Output: "HTTP GET: 200 OK",
			ServiceID: r.Service.ID, ServiceName: name, ServiceTags: []string{"v2", "primary"}, Type: "http", Interval: "10s", Timeout: "2s"})
	}
	add(record.HealthCheck{CheckID: "serfHealth", Name: "Serf Health Status", Status: "passing", Output: "Agent alive and reachable"})
	return append(records, checks...)
}

func aclRecords() (all []any) {
	secret := func() string {
		id, err := uuid.GenerateUUID()
		if err != nil {
			panic(err) // the system gives no random bytes
		}
		return id
	}
	const management = "00000000-0000-0000-0000-000000000001"
	created := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	link := []record.ACLLink{{ID: management, Name: "global-management"}}
	all = append(all,
		&record.ACLToken{AccessorID: "acce5500-0000-4000-8000-000000000001", SecretID: secret(), Description: "operators", Policies: link,
			CreateTime: created, CreateIndex: seedIndex, ModifyIndex: seedIndex},
		&record.ACLToken{AccessorID: "acce5500-0000-4000-8000-000000000002", SecretID: secret(), Description: "deployments",
			Roles: []record.ACLLink{{ID: "401e0000-0000-4000-8000-000000000001", Name: "deploy"}}, CreateTime: created,
			CreateIndex: seedIndex, ModifyIndex: seedIndex},
		&record.ACLPolicy{ID: management, Name: "global-management", Description: "everything", Rules: `acl = "write"`,
			CreateIndex: seedIndex, ModifyIndex: seedIndex},
		&record.ACLPolicy{ID: "90110000-0000-4000-8000-000000000001", Name: "config-read", Rules: `key_prefix "config/" { policy = "read" }`,
			CreateIndex: seedIndex, ModifyIndex: seedIndex},
		&record.ACLRole{ID: "401e0000-0000-4000-8000-000000000001", Name: "deploy",
			Policies: []record.ACLLink{{ID: "90110000-0000-4000-8000-000000000001", Name: "config-read"}}, CreateIndex: seedIndex, ModifyIndex: seedIndex},
	)
	return all
}

func queryRecords() (all []any) {
	for i, name := range services[:4] {
		all = append(all, &record.PreparedQuery{
			ID: fmt.Sprintf("9e4e0000-0000-4000-8000-%012d", i), Name: "nearest-" + name, CreateIndex: seedIndex, ModifyIndex: seedIndex,
			Service: record.QueryService{Service: name, OnlyPassing: true, Near: "_agent", Failover: record.QueryFailover{NearestN: 2}},
			DNS:     record.QueryDNS{TTL: "10s"},
		})
	}
	return append(all, &record.PreparedQuery{
		ID: "9e4e0000-0000-4000-8000-000000000099", Name: "geo-", CreateIndex: seedIndex, ModifyIndex: seedIndex,
		Template: record.QueryTemplate{Type: "name_prefix_match", Regexp: "^geo-(.*)$"}, Service: record.QueryService{Service: "${match(1)}"},
	})
}

// configEntry is a record that Lictor carries without interpreting it.
func configEntry(kind, name, protocol string) *record.Opaque {
	inner := msgpack.AppendString(nil, kind)
	inner = msgpack.Append(inner, struct {
		Datacenter, Op, Token string
		Entry                 msgpack.Raw
	}{Entry: msgpack.Append(nil, struct {
		CreateIndex, Hash, ModifyIndex uint64
		Kind, Name, Protocol           string
		Meta                           map[string]string
	}{seedIndex, 0, seedIndex, kind, name, protocol, nil})})
	return &record.Opaque{Type: record.TypeConfigEntry, Value: msgpack.AppendString(nil, inner)}
}
