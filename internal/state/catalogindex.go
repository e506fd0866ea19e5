package state

import "github.com/lictor-dr/lictor/internal/record"

// Entries of the Index table for the catalog, as Consul names them. Each exists for all peers together, or for one peer, ~ being the
// local cluster; the latter are what queries use.

// nodeKeys are raised by every change of a node or of what is registered on it, checks excepted.
func nodeKeys(peer, node string) []string {
	return []string{"nodes", peerKey(peer) + "nodes", nodeKey(peer, node)}
}

func nodeKey(peer, node string) string    { return peerKey(peer) + "node." + fold(node) }
func serviceKey(peer, name string) string { return peerKey(peer) + "service." + fold(name) }

// serviceKeys are raised by every change of an instance of a service, of its checks or of its node.
func serviceKeys(peer string, s *record.NodeService) []string {
	kind := kindOf(s)
	return []string{serviceKey(peer, s.Service), "service_kind." + kind, peerKey(peer) + "service_kind." + kind}
}

// kindNameKeys are raised when a service of a kind appears that had no instance before.
func kindNameKeys(s *record.NodeService) []string {
	keys := []string{"kind_service_names." + kindOf(s)}
	if s.Connect.Native || s.Kind == "connect-proxy" {
		keys = append(keys, "kind_service_names.connect-enabled")
	}
	return keys
}

func kindOf(s *record.NodeService) string {
	if s.Kind == "" {
		return "typical"
	}
	return s.Kind
}

// The entries that belong to the local cluster as a whole.
const (
	localNodes             = "peer.~:nodes"
	localServices          = "peer.~:services"
	localChecks            = "peer.~:checks"
	localNodeExtinction    = "peer.~:node_last_extinction"
	localServiceExtinction = "peer.~:service_last_extinction"
)
