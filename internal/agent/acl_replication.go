package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/aclreplicate"
	"github.com/lictor-dr/lictor/internal/aclresolve"
	"github.com/lictor-dr/lictor/internal/agenttoken"
	"github.com/lictor-dr/lictor/internal/forward"
	"github.com/lictor-dr/lictor/internal/httpapi"
	"github.com/lictor-dr/lictor/internal/state"
)

// Parameters of requests between servers.
const (
	paramAbroad  = "abroad"  // the server that asks is of another datacenter
	paramRelayed = "relayed" // the server that asks is one of this datacenter, and takes this one for the leader
)

// inSecondary tells whether another datacenter has the ACLs of this one.
func (a *Agent) inSecondary() bool { return a.config.PrimaryDatacenter != a.config.Datacenter }

// newReplicator makes what takes over the ACLs of the primary datacenter.
func (a *Agent) newReplicator() *aclreplicate.Replicator {
	return aclreplicate.New(aclreplicate.Config{
		Fetch: func(ctx context.Context, path string, answer any) error {
			secret := cmp.Or(a.tokens.Get(agenttoken.Replication), acl.AnonymousSecretID)
			return a.askDatacenter(ctx, a.config.PrimaryDatacenter, path, secret, answer)
		},
		Tokens: a.config.ACL.TokenReplication,
		Logger: a.log.Named("server.replication.acl"),
	})
}

// fetchPrimaryToken asks the primary datacenter for the parts of a token.
func (a *Agent) fetchPrimaryToken(ctx context.Context, secret string) (*aclresolve.Parts, error) {
	parts := new(aclresolve.Parts)
	if err := a.askDatacenter(ctx, a.config.PrimaryDatacenter, tokenPath+"?"+paramAbroad, secret, parts); err != nil {
		return nil, err
	}
	return parts.Abroad(), nil
}

// ACLReplication tells how it goes with the ACLs of the primary datacenter.
func (b *backend) ACLReplication() httpapi.ACLReplication {
	if b.replicator == nil {
		return httpapi.ACLReplication{}
	}
	s := b.replicator.Status()
	status := httpapi.ACLReplication{
		Enabled: true, Running: s.Running, SourceDatacenter: b.config.PrimaryDatacenter, ReplicationType: "policies",
		ReplicatedIndex: s.Indexes.Policies, ReplicatedRoleIndex: s.Indexes.Roles, ReplicatedTokenIndex: s.Indexes.Tokens,
		LastSuccess: s.LastSuccess, LastError: s.LastError, LastErrorMessage: s.LastErrorMessage,
	}
	if b.config.ACL.TokenReplication {
		status.ReplicationType = "tokens"
	}
	return status
}

// stopACLWaits makes what ends the waits of other servers for changes of ACLs.
func (a *Agent) stopACLWaits() (stop func()) {
	a.aclWaits, stop = context.WithCancel(context.Background())
	return stop
}

// serveACLs serves the ACLs of this datacenter to the leaders of others. Whoever asks needs acl:read, and acl:write for tokens, whose
// secrets go out.
func (a *Agent) serveACLs(mux *http.ServeMux) {
	serve := func(path string, access acl.Access, answer func(*http.Request) (any, error)) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, req *http.Request) {
			if a.relayed(w, req) {
				return
			}
			v, err := any(nil), a.mayReplicate(req, access)
			if err == nil {
				v, err = answer(req)
			}
			if err != nil {
				refuseInternal(w, err)
				return
			}
			writeInternal(w, v)
		})
	}
	serve(aclreplicate.ChangedPath, acl.Read, a.changedACLs)
	for kind, access := range map[aclreplicate.Kind]acl.Access{
		aclreplicate.Policies: acl.Read, aclreplicate.Roles: acl.Read, aclreplicate.Tokens: acl.Write,
	} {
		serve(aclreplicate.Path+string(kind), access, func(*http.Request) (any, error) { return aclreplicate.Read(a.server.Store(), kind), nil })
	}
}

// refuseInternal answers another agent with an error.
func refuseInternal(w http.ResponseWriter, err error) {
	status := http.StatusServiceUnavailable
	if chosen := (interface{ HTTPStatus() int })(nil); errors.As(err, &chosen) {
		status = chosen.HTTPStatus()
	}
	http.Error(w, err.Error(), status)
}

// mayReplicate refuses who may not read this datacenter's ACLs, and everybody where they are not the ones to take over.
func (a *Agent) mayReplicate(req *http.Request, access acl.Access) error {
	b := &backend{a}
	switch {
	case !b.ACLEnabled():
		return acl.ErrDisabled
	case a.inSecondary():
		return fmt.Errorf("datacenter %s is not primary: its ACLs are those of %s", a.config.Datacenter, a.config.PrimaryDatacenter)
	}
	if err := b.ReadBarrier(req.Context(), httpapi.Default); err != nil {
		return err
	}
	secret := cmp.Or(req.Header.Get("X-Consul-Token"), acl.AnonymousSecretID) // never this agent's own
	caller, err := b.Authorize(req.Context(), secret)
	if err != nil {
		return err
	}
	if !caller.Rights.Allow(acl.ACL, access, "") {
		return acl.Denied(caller.Accessor, caller.Anonymous, acl.ACL, access, "")
	}
	return nil
}

// changedACLs answers with the indexes of ACLs once they are others than those that the request has, or after some time.
func (a *Agent) changedACLs(req *http.Request) (any, error) {
	seen, tokens, err := parseIndexes(req.URL.Query())
	if err != nil {
		return nil, err
	}
	store := a.server.Store()
	ctx, cancel := context.WithTimeout(req.Context(), aclreplicate.WaitMax)
	defer cancel()
	defer context.AfterFunc(a.aclWaits, cancel)()
	go func() {
		defer cancel()
		select {
		case <-store.Abandoned():
		case <-ctx.Done():
		}
	}()
	for {
		w := state.NewWatch()
		now := aclreplicate.IndexesOf(store, w, tokens)
		done := now != seen || w.Wait(ctx) != nil
		w.Close()
		if done {
			return aclreplicate.IndexesOf(a.server.Store(), nil, tokens), req.Context().Err()
		}
	}
}

// parseIndexes reads the indexes that the asking server knows; without that of tokens it does not want them.
func parseIndexes(query url.Values) (seen aclreplicate.Indexes, tokens bool, err error) {
	for kind, index := range map[aclreplicate.Kind]*uint64{
		aclreplicate.Policies: &seen.Policies, aclreplicate.Roles: &seen.Roles, aclreplicate.Tokens: &seen.Tokens,
	} {
		if text := query.Get(string(kind)); text != "" {
			if *index, err = strconv.ParseUint(text, 10, 64); err != nil {
				return seen, false, fmt.Errorf("the index of %s: %w", kind, err)
			}
		}
	}
	return seen, query.Has(string(aclreplicate.Tokens)), nil
}

// relayed has the leader answer if that is another server, and tells whether there is no more to do.
func (a *Agent) relayed(w http.ResponseWriter, req *http.Request) bool {
	b, query := &backend{a}, req.URL.Query()
	leader, _ := b.Leader()
	if b.Leading() || leader == "" || query.Has(paramRelayed) {
		return false
	}
	query.Set(paramRelayed, "")
	out, err := http.NewRequestWithContext(req.Context(), http.MethodGet, req.URL.Path+"?"+query.Encode(), nil)
	if err != nil {
		refuseInternal(w, err)
		return true
	}
	out.Header.Set("X-Consul-Token", req.Header.Get("X-Consul-Token"))
	resp, err := a.transport.Send(out, leader, forward.Mark{Node: a.config.NodeName, Datacenter: a.config.Datacenter})
	if err != nil {
		refuseInternal(w, err)
		return true
	}
	defer resp.Body.Close()
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	w.WriteHeader(resp.StatusCode)
	if _, err := io.Copy(w, resp.Body); err != nil {
		panic(http.ErrAbortHandler) // net/http's way to cut a connection: an answer that ends early must not look whole
	}
	return true
}
