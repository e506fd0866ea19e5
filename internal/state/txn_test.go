package state

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/record"
)

func kvOp(verb string, e record.KVEntry) TxnOp { return TxnOp{KV: &TxnKV{verb, e}} }
func nodeOp(verb string, n record.Register) TxnOp {
	return TxnOp{Node: &TxnNode{verb, n}}
}
func serviceOp(verb, node string, x record.NodeService) TxnOp {
	return TxnOp{Service: &TxnService{verb, node, x}}
}
func checkOp(verb string, x record.HealthCheck) TxnOp { return TxnOp{Check: &TxnCheck{verb, x}} }

// txnCases are operations on withCatalog at index 51, where k was changed at 48, n1 and web1 at 44, n2 and db1 at 45.
var txnCases = []struct {
	name   string
	op     TxnOp
	result string // as resultText has it
	what   string // why it fails
	reads  bool
}{
	{"get", kvOp("get", record.KVEntry{Key: "k"}), "k=v@48", "", true},
	{"get nothing", kvOp("get", record.KVEntry{Key: "x"}), "", `key "x" doesn't exist`, true},
	{"get-or-empty", kvOp("get-or-empty", record.KVEntry{Key: "k"}), "k=v@48", "", true},
	{"get-or-empty nothing", kvOp("get-or-empty", record.KVEntry{Key: "x"}), "x=@0", "", true},
	{"get-tree", kvOp("get-tree", record.KVEntry{}), "k=v@48", "", true},
	{"get-tree nothing", kvOp("get-tree", record.KVEntry{Key: "x"}), "", "", true},
	{"check-index", kvOp("check-index", record.KVEntry{Key: "k", ModifyIndex: 48}), "k=@48", "", true},
	{"check-index stale", kvOp("check-index", record.KVEntry{Key: "k", ModifyIndex: 7}), "", `current modify index 48, given index 7 for key "k"`, true},
	{"check-index nothing", kvOp("check-index", record.KVEntry{Key: "x", ModifyIndex: 7}), "", `key "x" doesn't exist`, true},
	{"check-session", kvOp("check-session", record.KVEntry{Key: "k", Session: sessionA}), "k=@48", "", true},
	{"check-session of another", kvOp("check-session", record.KVEntry{Key: "k", Session: "s"}), "",
		`failed session check for key "k", current session "` + sessionA + `" != "s"`, true},
	{"check-not-exists", kvOp("check-not-exists", record.KVEntry{Key: "x"}), "", "", true},
	{"check-not-exists fails", kvOp("check-not-exists", record.KVEntry{Key: "k"}), "", `key "k" exists`, true},
	{"set", kvOp("set", record.KVEntry{Key: "k", Value: []byte("2")}), "k=@51", "", false},
	{"set the same", kvOp("set", record.KVEntry{Key: "k", Value: []byte("v")}), "k=@48", "", false},
	{"set new", kvOp("set", record.KVEntry{Key: "x"}), "x=@51", "", false},
	{"set without a key", kvOp("set", record.KVEntry{}), "", "Must provide key", false},
	{"cas", kvOp("cas", record.KVEntry{Key: "k", ModifyIndex: 48}), "k=@51", "", false},
	{"cas stale", kvOp("cas", record.KVEntry{Key: "k"}), "", `failed to set key "k", index is stale`, false},
	{"lock", kvOp("lock", record.KVEntry{Key: "x", Session: sessionA}), "x=@51", "", false},
	{"lock held", kvOp("lock", record.KVEntry{Key: "k", Session: sessionB}), "", `invalid session "` + sessionB + `"`, false},
	{"unlock", kvOp("unlock", record.KVEntry{Key: "k", Session: sessionA}), "k=@51", "", false},
	{"unlock of another", kvOp("unlock", record.KVEntry{Key: "k", Session: "s"}), "",
		`failed to unlock key "k", lock isn't held, or is held by another session`, false},
	{"delete", kvOp("delete", record.KVEntry{Key: "k"}), "", "", false},
	{"delete-cas", kvOp("delete-cas", record.KVEntry{Key: "k", ModifyIndex: 48}), "", "", false},
	{"delete-cas stale", kvOp("delete-cas", record.KVEntry{Key: "k", ModifyIndex: 9}), "", `failed to delete key "k", index is stale`, false},
	{"delete-tree", kvOp("delete-tree", record.KVEntry{}), "", "", false},
	{"no such verb", kvOp("zz", record.KVEntry{Key: "k"}), "", "unknown KV operation: zz", false},

	{"node get", nodeOp("get", record.Register{Node: "N1"}), "node n1@44", "", true},
	{"node get by ID", nodeOp("get", record.Register{ID: node1().ID}), "node n1@44", "", true},
	{"node get nothing", nodeOp("get", record.Register{Node: "n9"}), "", `node "n9" doesn't exist`, true},
	{"node set", nodeOp("set", record.Register{Node: "n2", Address: "x"}), "node n2@51", "", false},
	{"node set new", nodeOp("set", record.Register{Node: "n9"}), "node n9@51", "", false},
	{"node set without a name", nodeOp("set", record.Register{}), "", "Must provide node", false},
	{"node set on a live name", nodeOp("set", record.Register{Node: "n1", ID: "2"}), "",
		`failed inserting node: Error while renaming Node ID: "2": Node name n1 is reserved by node ` + node1().ID + ` with name n1 (10.0.0.1)`, false},
	{"node cas", nodeOp("cas", record.Register{Node: "n2", Address: "x", ModifyIndex: 45}), "node n2@51", "", false},
	{"node cas new", nodeOp("cas", record.Register{Node: "n9"}), "node n9@51", "", false},
	{"node cas stale", nodeOp("cas", record.Register{Node: "n2", ModifyIndex: 9}), "", `failed to set node "n2", index is stale`, false},
	{"node cas 0 though there", nodeOp("cas", record.Register{Node: "n2"}), "", `failed to set node "n2", index is stale`, false},
	{"node delete", nodeOp("delete", record.Register{Node: "n1"}), "", "", false},
	{"node delete nothing", nodeOp("delete", record.Register{Node: "n9"}), "", "", false},
	{"node delete-cas", nodeOp("delete-cas", record.Register{Node: "n1", ModifyIndex: 44}), "", "", false},
	{"node delete-cas stale", nodeOp("delete-cas", record.Register{Node: "n1"}), "", `failed to delete node "n1", index is stale`, false},
	{"node no such verb", nodeOp("zz", record.Register{Node: "n1"}), "", "unknown Node operation: zz", false},

	{"service get", serviceOp("get", "N1", record.NodeService{ID: "WEB1"}), "service web1@44", "", true},
	{"service get nothing", serviceOp("get", "n1", record.NodeService{ID: "db1"}), "", `service "db1" on node "n1" doesn't exist`, true},
	{"service set", serviceOp("set", "n1", record.NodeService{ID: "x", Service: "x"}), "service x@51", "", false},
	{"service set on no node", serviceOp("set", "n9", record.NodeService{ID: "x", Service: "x"}), "", `Missing node registration: "n9"`, false},
	{"service set without a name", serviceOp("set", "n1", record.NodeService{}), "",
		"Must provide service name (Service.Service) when registering a service", false},
	{"service cas", serviceOp("cas", "n1", record.NodeService{ID: "web1", Service: "web", ModifyIndex: 44}), "service web1@51", "", false},
	{"service cas stale", serviceOp("cas", "n1", record.NodeService{ID: "web1", Service: "web"}), "",
		`failed to set service "web1" on node "n1", index is stale`, false},
	{"service delete", serviceOp("delete", "n1", record.NodeService{ID: "web1"}), "", "", false},
	{"service delete-cas", serviceOp("delete-cas", "n1", record.NodeService{ID: "web1", ModifyIndex: 44}), "", "", false},
	{"service delete-cas nothing", serviceOp("delete-cas", "n1", record.NodeService{ID: "x"}), "",
		`failed to delete service "x" on node "n1", index is stale`, false},
	{"service no such verb", serviceOp("zz", "n1", record.NodeService{}), "", "unknown Service operation: zz", false},

	{"check get", checkOp("get", record.HealthCheck{Node: "N1", CheckID: "C1"}), "check c1 of n1@44", "", true},
	{"check get nothing", checkOp("get", record.HealthCheck{Node: "n1", CheckID: "x"}), "", `check "x" on node "n1" doesn't exist`, true},
	{"check set", checkOp("set", record.HealthCheck{Node: "N1", CheckID: "x", Status: "passing"}), "check x of n1@51", "", false},
	{"check set critical", checkOp("set", record.HealthCheck{Node: "n1", CheckID: SerfHealth, Status: "critical"}), "check serfHealth of n1@51", "", false},
	{"check set on no node", checkOp("set", record.HealthCheck{Node: "n9", CheckID: "x"}), "", `Missing node registration: "n9"`, false},
	{"check set of no service", checkOp("set", record.HealthCheck{Node: "n1", CheckID: "x", ServiceID: "y"}), "",
		"Unknown service ID 'y' for check ID 'x'", false},
	{"check set without an ID", checkOp("set", record.HealthCheck{Node: "n1"}), "",
		"Must provide an ID or a name (CheckID, Name) when registering a check", false},
	{"check cas", checkOp("cas", record.HealthCheck{Node: "n1", CheckID: "c1", ModifyIndex: 44}), "check c1 of n1@51", "", false},
	{"check cas stale", checkOp("cas", record.HealthCheck{Node: "n1", CheckID: "c1"}), "", `failed to set check "c1" on node "n1", index is stale`, false},
	{"check delete", checkOp("delete", record.HealthCheck{Node: "n1", CheckID: SerfHealth}), "", "", false},
	{"check delete-cas", checkOp("delete-cas", record.HealthCheck{Node: "n1", CheckID: "c1", ModifyIndex: 44}), "", "", false},
	{"check no such verb", checkOp("zz", record.HealthCheck{Node: "n1"}), "", "unknown Check operation: zz", false},

	{"session delete", TxnOp{Session: &TxnSession{"delete", sessionA}}, "", "", false},
	{"session delete nothing", TxnOp{Session: &TxnSession{"delete", "nope"}}, "", "", false},
	{"session no such verb", TxnOp{Session: &TxnSession{"create", "x"}}, "", "unknown Session operation: create", false},
	{"nothing", TxnOp{}, "", "", true},
}

func resultText(results []TxnResult) (text string) {
	for _, x := range results {
		switch {
		case x.KV != nil:
			text += fmt.Sprintf("%s=%s@%d", x.KV.Key, x.KV.Value, x.KV.ModifyIndex)
		case x.Node != nil:
			text += fmt.Sprintf("node %s@%d", x.Node.Node, x.Node.ModifyIndex)
		case x.Service != nil:
			text += fmt.Sprintf("service %s@%d", x.Service.ID, x.Service.ModifyIndex)
		case x.Check != nil:
			text += fmt.Sprintf("check %s of %s@%d", x.Check.CheckID, x.Check.Node, x.Check.ModifyIndex)
		}
	}
	return text
}

// copyOf lets an operation be used again: the store keeps what it points to.
func copyOf(op TxnOp) TxnOp {
	switch {
	case op.KV != nil:
		x := *op.KV
		op.KV = &x
	case op.Node != nil:
		x := *op.Node
		op.Node = &x
	case op.Service != nil:
		x := *op.Service
		op.Service = &x
	case op.Check != nil:
		x := *op.Check
		op.Check = &x
	}
	return op
}

func TestTxnVerbs(t *testing.T) {
	for _, c := range txnCases {
		t.Run(c.name, func(t *testing.T) {
			if c.op.ReadOnly() != c.reads {
				t.Errorf("reads only: %v, want %v", !c.reads, c.reads)
			}
			s := withCatalog(t)
			before := everything(t, s)
			results, errs := s.Txn(51, 1, []TxnOp{copyOf(c.op)})
			if c.what != "" {
				if want := []TxnError{{0, c.what}}; !slices.Equal(errs, want) || results != nil {
					t.Errorf("got %v and %s, want %v", errs, resultText(results), want)
				}
			} else if got := resultText(results); got != c.result || len(errs) > 0 {
				t.Errorf("got %s and %v, want %s", got, errs, c.result)
			}
			if changed := everything(t, s) != before; changed && (c.reads || c.what != "") {
				t.Error("the state has changed")
			}
			if c.reads {
				if read, errsOfRead := s.TxnRead([]TxnOp{copyOf(c.op)}); resultText(read) != c.result || !slices.Equal(errsOfRead, errs) {
					t.Errorf("as a read: %s and %v", resultText(read), errsOfRead)
				}
			}
		})
	}
}

// After an operation that fails nothing of a transaction is there: no object, no index, no lock delay, and nobody was woken. All that
// fail are listed.
func TestFailedTxnLeavesNothing(t *testing.T) {
	fails := kvOp("get", record.KVEntry{Key: "never"})
	for _, c := range txnCases {
		for _, order := range []string{"before", "behind", "all"} {
			t.Run(c.name+"/"+order, func(t *testing.T) {
				s := withCatalog(t)
				_, x := s.Session(nil, sessionA)
				x.LockDelay = time.Hour
				op := copyOf(c.op)
				ops := map[string][]TxnOp{"before": {op, fails}, "behind": {fails, op}}[order]
				if order == "all" {
					for _, other := range txnCases {
						ops = append(ops, copyOf(other.op))
					}
					ops = append(ops, op, fails)
				}
				before := everything(t, s)
				var results []TxnResult
				var errs []TxnError
				got, _ := effectOf(t, s, 51, func() error { results, errs = s.Txn(51, 1, ops); return nil })
				if got != (effect{}) || results != nil || everything(t, s) != before {
					t.Errorf("the effect is %q, results %v", got, results)
				}
				if s.LockDelayed("k") {
					t.Error("a lock delay has begun")
				}
				if len(s.kv.locks[sessionA]) != 1 {
					t.Errorf("the session has locked %v", s.kv.locks)
				}
				if want := 1 + min(len(c.what), 1); order != "all" && len(errs) != want {
					t.Errorf("%d errors, want %d: %v", len(errs), want, errs)
				}
			})
		}
	}
}

func TestTxnSeesItsOwnChanges(t *testing.T) {
	s := withCatalog(t)
	results, errs := s.Txn(51, 1, []TxnOp{
		nodeOp("set", record.Register{Node: "n9"}),
		serviceOp("set", "N9", record.NodeService{ID: "x", Service: "x"}),
		checkOp("set", record.HealthCheck{Node: "N9", CheckID: "c", ServiceID: "x", Status: "passing"}),
		kvOp("set", record.KVEntry{Key: "a", Value: []byte("1")}),
		kvOp("cas", record.KVEntry{Key: "a", Value: []byte("2"), ModifyIndex: 51}),
		kvOp("get", record.KVEntry{Key: "a"}),
		{Session: &TxnSession{"delete", sessionA}},
		kvOp("check-session", record.KVEntry{Key: "k"}),
		nodeOp("delete", record.Register{Node: "n1"}),
		kvOp("delete-tree", record.KVEntry{}),
		kvOp("check-not-exists", record.KVEntry{Key: "a"}),
	})
	const want = "node n9@51service x@51check c of n9@51a=@51a=@51a=2@51k=@51"
	if got := resultText(results); got != want || len(errs) > 0 {
		t.Errorf("got %s and %v, want %s", got, errs, want)
	}
}

func TestReadingTxnSeesNothingOfAnother(t *testing.T) {
	s := withCatalog(t)
	before := everything(t, s)
	if _, errs := s.TxnRead([]TxnOp{kvOp("get", record.KVEntry{Key: "k"}), kvOp("get", record.KVEntry{Key: "x"})}); len(errs) != 1 || errs[0].OpIndex != 1 {
		t.Errorf("got %v", errs)
	}
	if index, _ := s.Applied(); index != 50 || everything(t, s) != before {
		t.Error("reading has changed the state")
	}
}
