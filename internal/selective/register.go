package selective

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lictor-dr/lictor/internal/diff"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

// missing tells whether a refusal says that there is no such token.
func missing(err error) bool { return strings.Contains(err.Error(), "token does not exist") }

// register writes a node, service or check in a transaction, by check-and-set.
func (w *objectWriter) register(ctx context.Context, c *diff.Change, before, after *object.Object) error {
	verb, o, index := "cas", after, uint64(0)
	if before != nil {
		index = before.Modified
	}
	if after == nil {
		verb, o = "delete-cas", before
	}
	body, err := json.Marshal([]any{registerOp(verb, o, index)})
	if err != nil {
		return err
	}
	faults, err := w.plan.target.txn(ctx, w.out, body)
	if err != nil {
		return err
	}
	for _, fault := range faults {
		if strings.Contains(fault, "index is stale") {
			w.out.conflict(c.Family, c.Name, changedSince)
			return nil
		}
		return fmt.Errorf("%w: %s", errRefused, fault)
	}
	w.out.applied(c.Family, c.What)
	return nil
}

// registerOp is the operation of a transaction.
func registerOp(verb string, o *object.Object, index uint64) map[string]any {
	switch v := o.Value.(type) {
	case object.Service:
		s := *v.NodeService
		s.CreateIndex, s.ModifyIndex = 0, index
		return map[string]any{"Service": map[string]any{"Verb": verb, "Node": v.On.Node, "Service": &s}}
	case object.Check:
		x := *v.HealthCheck
		x.CreateIndex, x.ModifyIndex, x.Node = 0, index, v.On.Node
		return map[string]any{"Check": map[string]any{"Verb": verb, "Check": (*record.HealthCheck)(&x)}}
	}
	n := onOf(o)
	return map[string]any{"Node": map[string]any{"Verb": verb, "Node": map[string]any{
		"ID": n.ID, "Node": n.Node, "Address": n.Address, "Datacenter": n.Datacenter, "TaggedAddresses": n.TaggedAddresses,
		"Meta": n.NodeMeta, "ModifyIndex": index,
	}}}
}
