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
			return nil, notThere(inv, idOrLatest)
		}
		return b, nil
	}
	cluster, err := oneOf(inv, cluster)
	if err != nil {
		return nil, err
	}
	if b := inv.Latest(cluster); b != nil {
		return b, nil
	}
	return nil, noGood(cluster)
}

// notThere says that no archive has an ID. One that failed its proof may have been set aside.
func notThere(inv *inventory.Inventory, id string) error {
	for _, b := range inv.Bad {
		if b.ID != id || !b.Archive {
			continue
		}
		why := ""
		if b.Entry != nil {
			why = fmt.Sprintf(" (%s)", b.Entry.Reason)
		}
		return fmt.Errorf("%w: %s failed its proof%s and was set aside as %s; who wants it all the same copies that file",
			ErrNone, id, why, b.Name)
	}
	return fmt.Errorf("%w: no archive has the ID %q; `snapshot list` shows what there is", ErrNone, id)
}

// oneOf is the cluster that is meant, which need not be named if the store has backups of one only.
func oneOf(inv *inventory.Inventory, cluster string) (string, error) {
	if cluster != "" {
		return cluster, nil
	}
	clusters := inv.Clusters()
	if len(clusters) > 1 {
		return "", &SeveralError{clusters}
	}
	return strings.Join(clusters, ""), nil
}

func noGood(cluster string) error {
	of := ""
	if cluster != "" {
		of = fmt.Sprintf(" of cluster %q", cluster)
	}
	return fmt.Errorf("%w: the store has no good backup%s; archives without an entry are got by their ID, or after `snapshot adopt`",
		ErrNone, of)
}
