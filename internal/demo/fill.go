package demo

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/hashicorp/consul/api"
	"golang.org/x/sync/errgroup"
)

// An entry is what the demo remembers of a key.
type entry struct {
	value   []byte
	flags   uint64
	session string
}

func (e entry) equal(other entry) bool {
	return bytes.Equal(e.value, other.value) && e.flags == other.flags && e.session == other.session
}

// fill restores a made-up catalog, with sessions, queries and ACLs, and then works on keys over HTTP, all through one server.
func (d *demo) fill(ctx context.Context, through *process) (string, error) {
	seed, counts, err := seedArchive()
	if err != nil {
		return "", err
	}
	defer seed.Close()
	if err := upload(ctx, through.api, seed); err != nil {
		return "", err
	}
	if err := d.write(ctx, through.api.KV()); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s; %d keys over HTTP, %d of them locked", counts, len(d.written), len(locks)), nil
}

// locks are the keys that sessions of the seed hold.
var locks = map[string]string{
	"service/billing/leader":  sessionID(0),
	"service/search/leader":   sessionID(1),
	"service/import/leader":   sessionID(2),
	"locks/migrations/schema": sessionID(3),
}

// write puts keys, changes some, deletes some, and takes the locks. It remembers what must be there in the end.
func (d *demo) write(ctx context.Context, kv *api.KV) error {
	options := (&api.WriteOptions{}).WithContext(ctx)
	work, workCtx := errgroup.WithContext(ctx)
	work.SetLimit(8)
	random := rand.New(rand.NewPCG(1, 2))
	for _, key := range keys() {
		e := entry{value: make([]byte, 16+random.IntN(200)), flags: random.Uint64N(1 << 32)}
		for i := range e.value {
			e.value[i] = byte(random.UintN(256))
		}
		d.written[key] = e
		work.Go(func() error {
			_, err := kv.Put(&api.KVPair{Key: key, Value: e.value, Flags: e.flags}, (&api.WriteOptions{}).WithContext(workCtx))
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	for key, session := range locks {
		ok, _, err := kv.Acquire(&api.KVPair{Key: key, Value: []byte("held"), Session: session}, options)
		if err != nil || !ok {
			return fmt.Errorf("lock %s: %v, %w", key, ok, err)
		}
		d.written[key] = entry{value: []byte("held"), session: session}
	}
	return d.remove(kv, options)
}

// remove deletes a key and a tree, which leaves tombstones.
func (d *demo) remove(kv *api.KV, options *api.WriteOptions) error {
	const one, tree = "config/dev/web/owner", "config/old/"
	if _, err := kv.Delete(one, options); err != nil {
		return err
	}
	if _, err := kv.DeleteTree(tree, options); err != nil {
		return err
	}
	for key := range d.written {
		if key == one || bytes.HasPrefix([]byte(key), []byte(tree)) {
			delete(d.written, key)
		}
	}
	return nil
}

// keys lists the configuration tree of a company.
func keys() (all []string) {
	for _, env := range []string{"prod", "stage", "dev", "old"} {
		for _, service := range services {
			for _, setting := range []string{"owner", "limits/cpu", "limits/memory", "url", "feature/beta", "feature/dark-mode", "db/dsn", "db/pool", "timeout"} {
				all = append(all, "config/"+env+"/"+service+"/"+setting)
			}
		}
	}
	return all
}

func upload(ctx context.Context, client *api.Client, seed *seed) error {
	var b bytes.Buffer
	if _, err := seed.WriteTo(&b); err != nil {
		return err
	}
	return client.Snapshot().Restore((&api.WriteOptions{}).WithContext(ctx), &b)
}
