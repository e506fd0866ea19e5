package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lictor-dr/lictor/internal/coordinate"
	"github.com/lictor-dr/lictor/internal/forward"
	"github.com/lictor-dr/lictor/internal/gossip"
	"github.com/lictor-dr/lictor/internal/httpapi"
)

// avoidFor is how long a server of another datacenter that could not be reached is asked last.
const avoidFor = 30 * time.Second

// federation is what a server knows of other datacenters beside the WAN pool.
type federation struct {
	mu         sync.Mutex
	transports map[string]*forward.Transport // by datacenter
	failed     map[string]time.Time          // by server address: when it could not be reached
	turns      int                           // how often servers were asked for
}

// transportTo is what carries requests to another datacenter.
func (a *Agent) transportTo(datacenter string) *forward.Transport {
	f := &a.federation
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.transports[datacenter]
	if t == nil {
		t = forward.NewTransport(func(ctx context.Context, address string) (net.Conn, error) {
			return a.dialRequests(ctx, datacenter, address)
		})
		if f.transports == nil {
			f.transports = map[string]*forward.Transport{}
		}
		f.transports[datacenter] = t
	}
	return t
}

// close closes connections that are not in use.
func (f *federation) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.transports {
		t.Close()
	}
}

// Send sends a request to a server, of whichever datacenter.
func (b *backend) Send(req *http.Request, to httpapi.Target, m forward.Mark) (*http.Response, error) {
	if to.Datacenter == "" {
		return b.transport.Send(req, to.Address, m)
	}
	resp, err := b.transportTo(to.Datacenter).Send(req, to.Address, m)
	f := &b.federation
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err == nil:
		delete(f.failed, to.Address)
	case !errors.Is(req.Context().Err(), context.Canceled): // who asked has not given up, or only for lack of an answer in time
		if f.failed == nil {
			f.failed = map[string]time.Time{}
		}
		f.failed[to.Address] = time.Now()
	}
	return resp, err
}

// wanMembers are the servers of all datacenters that have not left.
func (a *Agent) wanMembers() []gossip.Member {
	if a.wan == nil {
		return nil
	}
	return slices.DeleteFunc(a.wan.Members(), func(m gossip.Member) bool { return m.Status == gossip.StatusLeft })
}

// ServersOf goes through the servers of another datacenter that seem alive, another one first each time; those that could not be reached
// lately come last.
func (b *backend) ServersOf(datacenter string) []string {
	var addresses []string
	for _, m := range b.wanMembers() {
		if m.Datacenter == datacenter && m.Status == gossip.StatusAlive && m.ServerPort != 0 {
			addresses = append(addresses, m.ServerAddr().String())
		}
	}
	if len(addresses) == 0 {
		return nil
	}
	f := &b.federation
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turns++
	first := f.turns % len(addresses)
	addresses = append(addresses[first:], addresses[:first]...)
	good, bad := []string{}, []string{}
	for _, address := range addresses {
		if when, failed := f.failed[address]; failed && time.Since(when) < avoidFor {
			bad = append(bad, address)
		} else {
			good = append(good, address)
		}
	}
	return append(good, bad...)
}

// Datacenters are those that have servers in the WAN pool. The nearest comes first; those whose distance is not known come last, by name.
func (a *Agent) datacenters() []string {
	distances := map[string][]float64{}
	for _, m := range a.wanMembers() {
		distances[m.Datacenter] = append(distances[m.Datacenter], a.wanDistance(m.Name))
	}
	return nearestFirst(a.config.Datacenter, distances)
}

// nearestFirst sorts datacenters by the distances of their servers. The own one is among them, and comes first.
func nearestFirst(own string, distances map[string][]float64) []string {
	distances = maps.Clone(distances)
	if distances == nil {
		distances = map[string][]float64{}
	}
	distances[own] = []float64{-1}
	names := make([]string, 0, len(distances))
	for name, all := range distances {
		slices.Sort(all)
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int {
		return cmp.Or(cmp.Compare(median(distances[x]), median(distances[y])), strings.Compare(x, y))
	})
	return names
}

func (b *backend) Datacenters() []string { return b.datacenters() }

// median is the middle of what is sorted.
func median(sorted []float64) float64 { return sorted[len(sorted)/2] }

// wanDistance is how many seconds a message to a member of the WAN pool and back takes, or infinite if that is not known.
func (a *Agent) wanDistance(member string) float64 {
	here, err := a.wan.Coordinate()
	there, known := a.wan.CoordinateOf(member)
	if err != nil || !known || !here.IsCompatibleWith(there) {
		return math.Inf(1)
	}
	return here.DistanceTo(there).Seconds()
}

// ServerCoordinates are those that the WAN pool knows.
func (b *backend) ServerCoordinates() []coordinate.Datacenter {
	all, members := []coordinate.Datacenter{}, b.wanMembers()
	for _, name := range b.datacenters() {
		d := coordinate.Datacenter{Datacenter: name, AreaID: "wan", Coordinates: []coordinate.Entry{}}
		for _, m := range members {
			if m.Datacenter != name {
				continue
			}
			if c, known := b.wan.CoordinateOf(m.Name); known {
				d.Coordinates = append(d.Coordinates, coordinate.Entry{Node: m.Name, Coord: c})
			}
		}
		all = append(all, d)
	}
	return all
}

// askDatacenter asks servers of another datacenter, one after the other, for what they serve on their port. token may be empty. The answer
// of the first that can be reached counts.
func (a *Agent) askDatacenter(ctx context.Context, datacenter, path, token string, answer any) error {
	failed := httpapi.ErrNoPathToDC
	for _, address := range (&backend{a}).ServersOf(datacenter) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
		if err != nil {
			return err
		}
		if token != "" {
			req.Header.Set("X-Consul-Token", token)
		}
		mark := forward.Mark{Node: a.config.NodeName, Datacenter: a.config.Datacenter, Between: true}
		resp, err := (&backend{a}).Send(req, httpapi.Target{Datacenter: datacenter, Address: address}, mark)
		if err == nil {
			return readAnswer(resp, address, path, answer)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		failed = fmt.Errorf("%w (%w)", httpapi.ErrNoPathToDC, err)
	}
	return failed
}

// readAnswer reads the JSON in a server's answer, and closes that. Another status than 200 is an error with what it says.
func readAnswer(resp *http.Response, address, path string, answer any) error {
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return fmt.Errorf("server %s answers %s with %d: %s", address, path, resp.StatusCode, strings.TrimSpace(string(text)))
	}
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		return fmt.Errorf("read the answer of server %s to %s: %w", address, path, err)
	}
	return nil
}

// floodInterval is how often a server looks, without news too, for servers of its datacenter that are not in the WAN pool.
const floodInterval = 60 * time.Second

// startFlood takes the servers of this datacenter into the WAN pool: the operator joins one of them, and the others follow.
func (a *Agent) startFlood() error {
	if a.wan == nil {
		return nil
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	a.flood = func() {
		stop()
		<-done
	}
	go func() {
		defer close(done)
		ticker := time.NewTicker(floodInterval)
		defer ticker.Stop()
		for {
			a.joinFellows()
			select {
			case <-ctx.Done():
				return
			case <-a.lanNews:
			case <-ticker.C:
			}
		}
	}()
	return nil
}

// lanChanged wakes the flood.
func (a *Agent) lanChanged() {
	select {
	case a.lanNews <- struct{}{}:
	default: // it is known that there is news
	}
}

// joinFellows takes the datacenter's servers that are not in the WAN pool into it.
func (a *Agent) joinFellows() {
	known := map[string]bool{}
	for _, m := range a.wan.Members() {
		known[m.Name] = m.Status == gossip.StatusAlive
	}
	for _, m := range a.aliveServers() {
		port := m.Tags[gossip.TagWANPort]
		if port == "" || known[m.Name+"."+m.Datacenter] {
			continue
		}
		address := net.JoinHostPort(m.Addr.Addr().String(), port)
		if _, err := a.wan.Join([]string{address}); err != nil {
			a.log.Debug("a server of this datacenter is not in the WAN pool, and cannot be joined", "server", m.Name, "address", address, "error", err)
			continue
		}
		a.log.Info("a server of this datacenter has been joined to the WAN pool", "server", m.Name, "address", address)
	}
}
