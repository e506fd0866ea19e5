package aclresolve

import (
	"testing"

	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/golden"
)

// What each request of a cluster with ACLs pays before anything else.
func BenchmarkResolve(b *testing.B) {
	store, err := fsm.Build(golden.State(b, "consul-1.21.4/full.snap"), 1000, 1)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name, secret string
		forget       bool
	}{{"remembered", secretPrefix + "11", false}, {"new", secretPrefix + "11", true}, {"anonymous", "", false}} {
		b.Run(c.name, func(b *testing.B) {
			r := resolver()
			b.ReportAllocs()
			for b.Loop() {
				if c.forget {
					r = resolver()
				}
				if _, err := r.Resolve(store, c.secret); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
