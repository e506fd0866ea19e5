package inventory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
)

// readers is how many entries are read at a time.
const readers = 8

// settled is how long before it was read an entry must have been written to be taken from an earlier inventory. Stores tell
// times by the second, and clocks differ.
const settled = time.Minute

// List takes the inventory of a store. Entries that have not changed since an earlier inventory, which may be nil, are not read again. An
// entry that cannot be used is reported in its Backup; the error is about the listing, or the context.
func List(ctx context.Context, store blobstore.Store, earlier *Inventory) (*Inventory, error) {
	objects, err := store.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the backups in %s: %w", store, err)
	}
	shelf := sortObjects(objects, blobstore.FixedName(store))
	entries, err := readEntries(ctx, store, shelf.entries, earlier)
	if err != nil {
		return nil, fmt.Errorf("read the entries of the backups in %s: %w", store, err)
	}
	inv := &Inventory{entries: entries}
	for slot := range shelf.archives {
		b, bad := shelf.backup(slot, entries)
		if bad {
			inv.Bad = append(inv.Bad, b)
		} else {
			inv.Backups = append(inv.Backups, b)
		}
	}
	newestFirst(inv.Backups)
	newestFirst(inv.Bad)
	return inv, nil
}

// A shelf is a listing, sorted out.
type shelf struct {
	archives map[string][]blobstore.Object // by the name of their entry; none if only that is there
	entries  []blobstore.Object
}

// sortObjects leaves out what is no name of ours. fixed is the name of the store's one archive, empty if each has its own.
func sortObjects(objects []blobstore.Object, fixed string) shelf {
	s := shelf{archives: map[string][]blobstore.Object{}}
	for _, o := range objects {
		name, isEntry := strings.CutSuffix(o.Name, entrySuffix)
		archive := strings.TrimSuffix(name, badSuffix)
		_, ours := ParseArchiveName(archive)
		switch {
		case !ours && (fixed == "" || archive != fixed):
		case !isEntry:
			s.archives[EntryName(name)] = append(s.archives[EntryName(name)], o)
		case EntryName(name) == o.Name:
			s.archives[o.Name] = append(s.archives[o.Name], nil...)
			s.entries = append(s.entries, o)
		}
	}
	return s
}

// backup puts together what belongs to one entry.
func (s shelf) backup(slot string, entries map[string]fetched) (b Backup, bad bool) {
	name := strings.TrimSuffix(slot, entrySuffix)
	plain, bad := strings.CutSuffix(name, badSuffix)
	id, _ := ParseArchiveName(plain)
	b = Backup{ID: id, Name: name}
	all := s.archives[slot]
	if f, ok := entries[slot]; ok {
		b.Entry, b.EntryError = f.entry, f.err
	}
	switch {
	case b.Entry != nil && bad:
		b.Name = BadName(b.Entry.Name)
	case b.Entry != nil:
		b.Name = b.Entry.Name
	case len(all) > 0 && !slices.ContainsFunc(all, func(o blobstore.Object) bool { return o.Name == name }):
		b.Name = all[len(all)-1].Name
	}
	for _, o := range all {
		if o.Name == b.Name {
			b.Archive, b.Size, b.Modified = true, o.Size, o.Modified
		} else {
			b.Strays = append(b.Strays, o.Name)
		}
	}
	if b.ID == "" && b.Entry != nil { // a fixed name
		b.ID = b.Entry.ID
	}
	return b, bad
}

// readEntries reads entries, several at a time. Its error is that of the context.
func readEntries(ctx context.Context, store blobstore.Store, objects []blobstore.Object, earlier *Inventory) (map[string]fetched, error) {
	all := map[string]fetched{}
	work := make(chan blobstore.Object)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range min(readers, len(objects)) {
		wg.Go(func() {
			for o := range work {
				f := fetch(ctx, store, o)
				mu.Lock()
				all[o.Name] = f
				mu.Unlock()
			}
		})
	}
	known := map[string]fetched{}
	for _, o := range objects {
		if f, ok := earlier.remembers(o); ok {
			known[o.Name] = f
		} else {
			work <- o
		}
	}
	close(work)
	wg.Wait()
	for name, f := range known {
		all[name] = f
	}
	return all, ctx.Err()
}

// remembers returns what an earlier inventory knows about an entry that has not changed since.
func (inv *Inventory) remembers(o blobstore.Object) (fetched, bool) {
	if inv == nil {
		return fetched{}, false
	}
	f, ok := inv.entries[o.Name]
	content := f.err == nil || errors.Is(f.err, ErrEntry) || errors.Is(f.err, ErrFormat) // not a failure to read it
	same := f.object.Size == o.Size && f.object.Modified.Equal(o.Modified)
	return f, ok && content && same && !o.Modified.IsZero() && f.at.Sub(o.Modified) > settled
}

func fetch(ctx context.Context, store blobstore.Store, o blobstore.Object) fetched {
	f := fetched{object: o, at: time.Now()}
	f.entry, f.err = readNamed(ctx, store, o.Name)
	return f
}

// readEntry reads the entry of an archive, whose name may end in .bad.
func readEntry(ctx context.Context, store blobstore.Store, archive string) (*Entry, error) {
	name := EntryName(archive)
	e, err := readNamed(ctx, store, name)
	if err == nil && e.Name != archive && BadName(e.Name) != archive {
		return nil, fmt.Errorf("%s: %w: it is about %q", store.Location(name), ErrEntry, e.Name)
	}
	return e, err
}

// readNamed reads the entry with a name, whichever archive it is about.
func readNamed(ctx context.Context, store blobstore.Store, name string) (*Entry, error) {
	data, err := readObject(ctx, store, name)
	if err != nil {
		return nil, err
	}
	e, err := DecodeEntry(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", store.Location(name), err)
	}
	if EntryName(e.Name) != name && EntryName(BadName(e.Name)) != name {
		return nil, fmt.Errorf("%s: %w: it is about %q", store.Location(name), ErrEntry, e.Name)
	}
	return e, nil
}

// readObject reads one byte more than an entry may have at most.
func readObject(ctx context.Context, store blobstore.Store, name string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, err := store.Get(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", store.Location(name), err)
	}
	data, err := io.ReadAll(io.LimitReader(r, MaxEntry+1))
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", store.Location(name), err)
	}
	return data, nil
}
