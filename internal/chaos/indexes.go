//go:build heavy && linux

package chaos

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// indexes watches the index that each server tells, which must not go back while its program runs.
type indexes struct {
	done    chan struct{}
	running sync.WaitGroup

	mu     sync.Mutex
	faults []error
}

func watchIndexes(c *cluster) *indexes {
	x := &indexes{done: make(chan struct{})}
	for _, s := range c.servers {
		x.running.Go(func() { x.report(x.watch(c, s)) })
	}
	return x
}

// stop ends the watching and returns what was found.
func (x *indexes) stop() error {
	close(x.done)
	x.running.Wait()
	x.mu.Lock()
	defer x.mu.Unlock()
	return errors.Join(x.faults...)
}

func (x *indexes) report(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.faults = append(x.faults, err)
}

// watch asks one server until the end, or until its index has gone back.
func (x *indexes) watch(c *cluster, s *server) error {
	run, highest := 0, uint64(0)
	for {
		select {
		case <-x.done:
			return nil
		default:
		}
		_, before := s.process()
		a, err := c.ask(s, http.MethodGet, "/v1/kv/"+prefix+"?keys&stale", nil)
		_, after := s.process()
		if err == nil && before == after {
			index, err := strconv.ParseUint(a.header.Get("X-Consul-Index"), 10, 64)
			switch {
			case err != nil || index == 0:
				return fmt.Errorf("%s answers with the index %q", s.Name, a.header.Get("X-Consul-Index"))
			case run != after:
				run, highest = after, index
			case index < highest:
				return fmt.Errorf("the index of %s went back from %d to %d in its run %d", s.Name, highest, index, run)
			}
			highest = index
		}
		pause(x.done, 100*time.Millisecond)
	}
}
