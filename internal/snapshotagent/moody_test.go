package snapshotagent

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// moody is a store that fails by chance.
type moody struct {
	*memory
	r     *rand.Rand
	rate  int // one operation of so many fails; 0 for none
	times map[string]time.Time
	now   time.Time // of the store, long ago
	known *inventory.Inventory

	failures int
	gone     []string // what was deleted since this was last emptied
}

var errMoody = errors.New("not now")

func (m *moody) fails() error {
	if m.rate > 0 && m.r.IntN(m.rate) == 0 {
		m.failures++
		return errMoody
	}
	return nil
}

func (m *moody) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	if err := m.fails(); err != nil {
		return err
	}
	m.now = m.now.Add(time.Second)
	m.times[name] = m.now
	return m.memory.Put(ctx, name, r, size)
}

func (m *moody) List(ctx context.Context) ([]blobstore.Object, error) {
	if err := m.fails(); err != nil {
		return nil, err
	}
	all, err := m.memory.List(ctx)
	for i := range all {
		all[i].Modified = m.times[all[i].Name]
	}
	return all, err
}

func (m *moody) Delete(ctx context.Context, name string) error {
	if err := m.fails(); err != nil {
		return err
	}
	m.gone = append(m.gone, name)
	return m.memory.Delete(ctx, name)
}
