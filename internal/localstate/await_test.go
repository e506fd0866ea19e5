package localstate

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestAwaitService(t *testing.T) {
	for _, c := range []struct {
		name    string
		fail    error // of the first write after the start
		want    time.Duration
		written bool
	}{
		{"written at once", nil, 0, true},
		{"not written in time", errors.New("no leader"), 500 * time.Millisecond, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				catalog := &fakeCatalog{}
				s := newState(t, catalog, nil)
				defer s.Close()
				synced(t, catalog, s)
				catalog.change(func() { catalog.fail = func(string) error { return c.fail } })
				s.register(t, `{"Name":"a","Check":{"TTL":"10h"}}`)
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer cancel()
				s.AwaitService(ctx, "a")
				if took := time.Since(began); took != c.want {
					t.Errorf("waited %v, want %v", took, c.want)
				}
				if remote := catalog.now(); (remote != nil && remote.Services["a"] != nil) != c.written {
					t.Errorf("the catalog has %+v", remote)
				}
				s.AwaitService(t.Context(), "unknown") // there is nothing to wait for
			})
		})
	}
}
