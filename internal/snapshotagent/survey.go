package snapshotagent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// Never is the age of what there is not.
const Never = time.Duration(math.MaxInt64)

// Survey reads the newest entries in stores, without an agent, and tells what can be brought back. An empty cluster stands for the only one that
// there are backups of. The error is that of stores that could not be listed; the others are in the result.
func Survey(ctx context.Context, stores []blobstore.Store, cluster string, now time.Time) (name string, covered []Covered, err error) {
	inventories := make([]*inventory.Inventory, len(stores))
	clusters := map[string]bool{}
	for i, store := range stores {
		inv, failed := inventory.List(ctx, store, nil)
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		inventories[i] = inv
		for _, c := range inv.Clusters() {
			clusters[c] = true
		}
	}
	if name = cluster; name == "" {
		var several error
		if name, several = only(clusters); several != nil {
			return "", nil, errors.Join(err, several)
		}
	}
	for i, inv := range inventories {
		if inv == nil {
			continue
		}
		c := Covered{Name: stores[i].String(), Age: Never}
		if b := inv.LatestProven(name); b != nil {
			c.ID, c.Newest = b.ID, Date(b.Entry)
			c.Age = max(0, now.Sub(c.Newest))
		}
		covered = append(covered, c)
	}
	return name, covered, err
}

// only is the one element of a set, empty if there is none.
func only(set map[string]bool) (name string, err error) {
	all := slices.Sorted(maps.Keys(set))
	switch len(all) {
	case 0:
		return "", nil
	case 1:
		return all[0], nil
	}
	return "", fmt.Errorf("there are backups of several clusters, %q: choose one with -cluster", all)
}
