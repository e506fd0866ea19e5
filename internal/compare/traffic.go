package main

import (
	"encoding/json"
	"fmt"
)

// A traffic is what clients do with a load: one of them reads and writes over each connection.
type traffic struct {
	load load
	// pool are values to write, made before the clock runs.
	pool [][]byte
}

func newTraffic(l load) *traffic {
	x := &traffic{load: l}
	for i := range max(1, min(1024, 64<<20/max(l.Value, 1))) {
		x.pool = append(x.pool, l.appendValue(nil, i, 1))
	}
	return x
}

// read asks for a key, or for the health of a service, taken at random.
func (x *traffic) read(w *wire, r *random) error {
	if l := x.load; l.Keys > 0 {
		return w.get(kvPath + l.key(r.below(l.Keys)))
	}
	return w.get("/v1/health/service/" + x.load.serviceName(r.below(x.load.Services)))
}

// write gives a key a new value, or a check another output.
func (x *traffic) write(w *wire, r *random) error {
	if l := x.load; l.Keys > 0 {
		return w.put(kvPath+l.key(r.below(l.Keys)), x.pool[r.below(len(x.pool))])
	}
	return x.writeCheck(w, r)
}

func (x *traffic) writeCheck(w *wire, r *random) error {
	k := x.load.check(r.below(x.load.Checks), 0)
	type check struct{ Node, CheckID, Name, Status, Output, ServiceID string }
	body, err := json.Marshal(struct {
		Node, Address  string
		SkipNodeUpdate bool
		Check          check
	}{k.Node, "10.0.0.1", true, check{k.Node, k.CheckID, k.Name, k.Status, fmt.Sprintf("200 OK %016x", r.Uint64()), k.ServiceID}})
	if err != nil {
		return err
	}
	return w.put("/v1/catalog/register", body)
}
