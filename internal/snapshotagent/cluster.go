package snapshotagent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/meshca"
)

// identity is the name of the cluster, empty while it is not known.
func (a *Agent) identity(ctx context.Context) string {
	if name := a.named(); name != "" {
		return name
	}
	id, err := a.identify(ctx) // without the lock: Consul may be slow
	if err != nil {
		return ""
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cluster == "" {
		a.cluster = inventory.ClusterName("", id.Datacenter, id.TrustDomain)
	}
	return a.cluster
}

// named is the cluster's name as far as it is known.
func (a *Agent) named() string {
	if a.config.Cluster != "" {
		return inventory.ClusterName(a.config.Cluster, "", "")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cluster
}

// identifyTimeout bounds how long the cluster may take to say which it is. A Consul that hangs must become a failure with a reason.
const identifyTimeout = 20 * time.Second

func (a *Agent) identify(ctx context.Context) (Identity, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, identifyTimeout, fmt.Errorf("Consul has not answered within %s", identifyTimeout))
	defer cancel()
	id, err := a.config.Identify(ctx)
	if err == nil {
		a.mu.Lock()
		a.datacenter = id.Datacenter
		a.mu.Unlock()
	}
	return id, err
}

// Identify finds out which cluster a client talks to. datacenter is the one that it asks for, empty for the agent's own. What a token
// must not see is left out: the rights that the agent needs do not include these questions.
func Identify(client *api.Client, datacenter string) func(ctx context.Context) (Identity, error) {
	var known atomic.Pointer[string] // the agent's datacenter does not change while it is talked to
	return func(ctx context.Context) (id Identity, err error) {
		switch own := known.Load(); {
		case datacenter != "":
			id.Datacenter = datacenter
		case own != nil:
			id.Datacenter = *own
		default:
			if id.Datacenter, err = ownDatacenter(ctx, client); err != nil {
				return id, fmt.Errorf("ask the Consul agent for its datacenter: %w", err)
			}
			known.Store(&id.Datacenter)
		}
		if id.TrustDomain, err = TrustDomain(ctx, client); err != nil {
			return id, fmt.Errorf("ask for the cluster's certificate authority: %w", err)
		}
		id.ServerVersion = leaderVersion(ctx, client)
		return id, nil
	}
}

// TrustDomain is that of the cluster's certificate authority, empty if it has none.
func TrustDomain(ctx context.Context, client *api.Client) (string, error) {
	roots, _, err := client.Agent().ConnectCARoots(new(api.QueryOptions).WithContext(ctx))
	var status api.StatusError
	if errors.As(err, &status) && (status.Code == http.StatusNotFound || status.Code == http.StatusInternalServerError) {
		return "", nil // the mesh is off
	}
	if err != nil {
		return "", err
	}
	if len(roots.Roots) == 1 && roots.Roots[0].Name == meshca.PlaceholderName {
		return "", nil // a Lictor server shows one that is not in its state
	}
	return roots.TrustDomain, nil
}

// ownDatacenter is the agent's. Without the right to ask it, it is the first of all, which are sorted by distance.
func ownDatacenter(ctx context.Context, client *api.Client) (string, error) {
	var self struct{ Config struct{ Datacenter string } }
	q := new(api.QueryOptions).WithContext(ctx)
	_, err := client.Raw().Query("/v1/agent/self", &self, q)
	if err == nil && self.Config.Datacenter != "" {
		return self.Config.Datacenter, nil
	}
	var all []string
	if _, err := client.Raw().Query("/v1/catalog/datacenters", &all, q); err != nil {
		return "", err
	}
	if len(all) == 0 {
		return "", errors.Join(err, errors.New("it knows no datacenter"))
	}
	return all[0], nil
}

// leaderVersion is the version of the leader, empty if it is not to be had.
func leaderVersion(ctx context.Context, client *api.Client) string {
	health, err := client.Operator().AutopilotServerHealth(new(api.QueryOptions).WithContext(ctx))
	if err != nil {
		return ""
	}
	for _, s := range health.Servers {
		if s.Leader {
			return s.Version
		}
	}
	return ""
}
