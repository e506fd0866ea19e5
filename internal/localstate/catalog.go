package localstate

import (
	"context"

	"github.com/lictor-dr/lictor/internal/record"
)

// Catalog is the replicated catalog as seen by this agent. An error with a method HTTPStatus() int that gives 403 says that the
// token was refused.
type Catalog interface {
	// Register writes the node, and the service and the checks if there are any.
	Register(ctx context.Context, token string, r Registration) error
	// Deregister removes a service with its checks, or a check. That it is not there is no error.
	Deregister(ctx context.Context, token, node, serviceID, checkID string) error
	// Node is what the catalog holds for a node now, not older than the last write of this agent; nil if it does not know the node.
	Node(ctx context.Context, token, node string) (*NodeState, error)
}

// NodeInfo is what the catalog knows of a node itself.
type NodeInfo struct {
	Node            string // its name
	ID              string // a UUID
	Address         string
	TaggedAddresses map[string]string
	Meta            map[string]string
}

// Registration is one write to the catalog.
type Registration struct {
	NodeInfo
	SkipNodeUpdate bool // the node's own part is not to be changed
	Service        *record.NodeService
	Checks         []*record.HealthCheck
}

// NodeState is a node in the catalog with its services and checks by their IDs.
type NodeState struct {
	NodeInfo
	Services map[string]*record.NodeService
	Checks   map[string]*record.HealthCheck
}

// Tokens are the agent's own tokens as they are now; each may be empty.
type Tokens interface {
	Agent() string
	Default() string
	ConfigFileRegistration() string
}

// Source tells where a definition came from, in the words of the persisted files.
type Source string

// The sources of definitions.
const (
	FromAPI  Source = "remote"
	FromFile Source = "local"
)
