package retrieval

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lictor-dr/lictor/internal/inventory"
)

// Latest is the word for the newest backup.
const Latest = "latest"

// ErrNone says that there is no such backup.
var ErrNone = errors.New("no such backup")

// Find returns the backup with an ID, or the newest good one of a cluster for [Latest]. The cluster may be empty if the store has backups of
// one only.
func Find(inv *inventory.Inventory, idOrLatest, cluster string) (*inventory.Backup, error) {
	if idOrLatest != Latest {
		b := inv.Find(idOrLatest)
		if b == nil || !b.Archive {
			return nil, fmt.Errorf("%w: no archive has the ID %q; `snapshot list` shows what there is", ErrNone, idOrLatest)
		}
		return b, nil
	}
	if cluster == "" {
		clusters := inv.Clusters()
		if len(clusters) > 1 {
			return nil, severalClusters(clusters)
		}
		cluster = strings.Join(clusters, "")
	}
	if b := inv.Latest(cluster); b != nil {
		return b, nil
	}
	of := ""
	if cluster != "" {
		of = fmt.Sprintf(" of cluster %q", cluster)
	}
	return nil, fmt.Errorf("%w: the store has no good backup%s; archives without an entry are got by their ID, or after `snapshot adopt`", ErrNone, of)
}
