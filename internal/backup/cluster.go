package backup

import (
	"context"

	"github.com/hashicorp/consul/api"
)

// Cluster is a Source: the cluster that an agent belongs to, asked by its HTTP API.
type Cluster struct {
	Client *api.Client
	// Stale lets any server answer from its own state, also without a leader.
	Stale bool
}

// Snapshot asks for a snapshot.
func (c *Cluster) Snapshot(ctx context.Context) (*Stream, error) {
	body, meta, err := c.Client.Snapshot().Save((&api.QueryOptions{AllowStale: c.Stale}).WithContext(ctx))
	if err != nil {
		return nil, err
	}
	return &Stream{Body: body, Index: meta.LastIndex, KnownLeader: meta.KnownLeader, LastContact: meta.LastContact}, nil
}
