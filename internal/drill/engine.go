package drill

import (
	"context"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/httpapi"
	"github.com/lictor-dr/lictor/internal/state"
)

// An engine is what a drill rebuilds an archive in: the tables of a server and the handlers of its API. There is no leader, so that
// nothing changes by itself while it is compared: no session ends, no token expires.
type engine struct {
	httpapi.Backend // what reads need is here; anything else would be a fault of the drill
	store           *state.Store
}

// handlers returns the API of a store.
func handlers(store *state.Store) http.Handler {
	return httpapi.New(httpapi.Config{AllowUnprintable: true, CacheDisabled: true}, &engine{store: store}, hclog.NewNullLogger())
}

func (e *engine) IsServer() bool                                         { return true }
func (e *engine) Leading() bool                                          { return true }
func (e *engine) Datacenter() string                                     { return "drill" }
func (e *engine) Store() httpapi.Store                                   { return e.store }
func (e *engine) ReadBarrier(context.Context, httpapi.Consistency) error { return nil }
func (e *engine) LastContact() time.Duration                             { return 0 }
func (e *engine) KnownLeader() bool                                      { return true }
func (e *engine) ACLEnabled() bool                                       { return true }
func (e *engine) Authorize(context.Context, string) (httpapi.Caller, error) {
	return httpapi.Caller{Rights: acl.ManageAll()}, nil
}
