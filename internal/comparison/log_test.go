package comparison

import (
	"fmt"

	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// log makes entries for a state as before returns it: writes, and what clusters do by themselves.
func (m *maker) log() (log []fsm.Entry) {
	pick := func(names ...string) string { return names[m.IntN(len(names))] }
	for range m.IntN(25) {
		switch m.IntN(9) {
		case 0, 1:
			log = append(log, put(pick("config", "lock/ttl", "new", "lock/release"), fmt.Sprint(m.IntN(3))))
		case 2:
			log = append(log, fsm.KV(state.KVDelete, &record.KVEntry{Key: pick("config", "lock/ttl", "new", "lock/delete")}))
		case 3:
			log = append(log, fsm.KV(state.KVDeleteTree, &record.KVEntry{Key: pick("lock/", "c", "new")}))
		case 4:
			log = append(log, fsm.DestroySession(pick("s-ttl", "s-plain", "s-check", "s-delete", "s-release")))
		case 5:
			log = append(log, fsm.Deregister(pick("web1", "old1", "ext"), "", ""))
		case 6:
			log = append(log, fsm.Deregister(pick("web1", "old1", "ext"), pick("web", "api", "db", "mail"), ""))
		case 7:
			n := register(pick("web1", "old1", "ext", "new1"), pick("10.0.0.1", "10.0.0.7"), 0)
			log = append(log, fsm.Register(&state.Registration{Node: n,
				Service: &record.NodeService{ID: pick("web", "api", "x"), Service: pick("web", "y")},
				Checks:  []*record.HealthCheck{{CheckID: pick(serfHealth, "disk"), Status: pick("passing", "critical")}}}))
		default:
			log = append(log, fsm.Deregister(pick("web1", "old1"), "", pick("disk", "api-ping", serfHealth)))
		}
	}
	return log
}
