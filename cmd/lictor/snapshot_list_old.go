package main

import (
	"context"
	"slices"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/kvarchive"
)

// oldProof is what a list says of the archives of consul-snapshot: nothing has proven them, and nothing deletes them.
const oldProof = "consul-snapshot"

// oldArchives are the archives of consul-snapshot in a store, newest first: beside the backups, and in the directories that it makes.
func oldArchives(ctx context.Context, store blobstore.Store) ([]listed, error) {
	beside, err := store.List(ctx)
	if err != nil {
		return nil, err
	}
	below, err := blobstore.ListBelow(ctx, store, kvarchive.InBucket)
	if err != nil {
		return nil, err
	}
	var all []listed
	for _, o := range append(beside, below...) {
		name, ok := kvarchive.ParseObjectKey(o.Name)
		if !ok {
			continue
		}
		all = append(all, listed{ID: o.Name, Time: name.Time, Size: o.Size, Proof: oldProof, Host: name.Host,
			Destination: store.String(), Location: store.Location(o.Name)})
	}
	slices.SortStableFunc(all, func(x, y listed) int { return y.Time.Compare(x.Time) })
	return all, nil
}
