package localstate

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/lictor-dr/lictor/internal/definition"
	"github.com/lictor-dr/lictor/internal/healthcheck"
	"github.com/lictor-dr/lictor/internal/record"
)

//lint:file-ignore ST1005 some texts are Consul's own, capitals and full stops included.

// check is an entry of the registry. Its record is never changed, only replaced.
type check struct {
	record *record.HealthCheck
	def    *definition.Check // nil for maintenance
	token  string
	source Source
	inSync bool
	// deferred is when a new output is to be written, if that is all that changed.
	deferred time.Time
	// critical is since when the check is critical.
	critical time.Time
	run      *run
}

// run is a check that is being carried out.
type run struct {
	poller  *healthcheck.Poller
	ttl     *healthcheck.TTL
	left    time.Duration // of the TTL, at the start
	expires time.Time     // of the TTL
	started bool
}

func (c *check) start() {
	if c.run == nil || c.run.started {
		return
	}
	c.run.started = true
	if c.run.ttl != nil {
		c.run.ttl.Start(c.run.left)
		return
	}
	c.run.poller.Start()
}

func (c *check) stop() {
	if c.run == nil || !c.run.started {
		return
	}
	if c.run.ttl != nil {
		c.run.ttl.Stop()
		return
	}
	c.run.poller.Stop()
}

// adopt makes the check say of its service what the service says now.
func (c *check) adopt(s *record.NodeService) {
	changed := *c.record
	changed.ServiceName, changed.ServiceTags = s.Service, s.Tags
	c.record = &changed
}

// AddCheck registers a check, or replaces one, which keeps its state unless the definition is another and gives a status. The token
// signs the registration unless the definition has its own.
func (s *State) AddCheck(ctx context.Context, def *definition.Check, token string, source Source) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	return s.addCheck(ctx, def, token, source)
}

func (s *State) addCheck(ctx context.Context, def *definition.Check, token string, source Source) error {
	owner, err := s.checkService(def.ServiceID)
	if err != nil {
		return err
	}
	c, err := s.prepare(def, owner, cmp.Or(def.Token, token), source)
	if err != nil {
		return err
	}
	if err := s.persistCheck(ctx, c); err != nil {
		return err
	}
	s.putCheck(c)
	return nil
}

// prepare makes an entry, with what is to be kept of an older one.
func (s *State) prepare(def *definition.Check, owner *record.NodeService, token string, source Source) (*check, error) {
	if err := s.allowed(def, source); err != nil {
		return nil, err
	}
	c := &check{record: def.HealthCheck(s.config.Node.Node, owner), def: def, token: token, source: source}
	s.mu.Lock()
	old := s.checks[c.record.CheckID]
	var was *record.HealthCheck
	if old != nil {
		was = old.record
	}
	s.mu.Unlock()
	if old == nil || old.def == nil || was.ServiceID != c.record.ServiceID {
		return c, s.newRun(c, old == nil)
	}
	same := sameDefinition(old.def, def)
	if same || def.Status == "" {
		c.record.Status, c.record.Output = was.Status, was.Output
	}
	if same {
		c.run = old.run
		return c, nil
	}
	return c, s.newRun(c, false)
}

// allowed refuses scripts where they must not run.
func (s *State) allowed(def *definition.Check, source Source) error {
	if def.Kind() != definition.KindScript || s.config.RemoteScripts || source == FromFile && s.config.LocalScripts {
		return nil
	}
	text := "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true"
	if source == FromFile {
		text = "Scripts are disabled on this agent; to enable, configure 'enable_script_checks' or 'enable_local_script_checks' to true"
	}
	return refuse(http.StatusInternalServerError, "%s", text)
}

func sameDefinition(a, b *definition.Check) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// newRun prepares to carry a check out. A new check with a TTL takes up the state it had before a restart.
func (s *State) newRun(c *check, isNew bool) error {
	r := &run{}
	c.run = r
	id := c.record.CheckID
	report := func(status, output string) { s.reported(id, r, status, output) }
	if c.def.Kind() != definition.KindTTL {
		p, err := healthcheck.NewPoller(c.def, healthcheck.Options{
			MinInterval: s.config.MinCheckInterval, OutputMaxSize: s.config.CheckOutputMaxSize, TLS: s.config.CheckTLS,
		}, report)
		r.poller = p
		return err
	}
	r.left = c.def.TTL
	if isNew {
		s.takeUp(c)
	}
	r.expires = time.Now().Add(r.left)
	r.ttl = healthcheck.NewTTL(c.def.TTL, c.record.Output, report)
	return nil
}

// putCheck takes an entry into the registry and begins to carry it out.
func (s *State) putCheck(c *check) {
	s.mu.Lock()
	id := c.record.CheckID
	old := s.checks[id]
	if old != nil {
		if old.run == c.run && c.run != nil { // it may have reported meanwhile
			state := *c.record
			state.Status, state.Output = old.record.Status, old.record.Output
			c.record = &state
		}
		c.inSync = old.inSync && old.token == c.token && sameCheck(old.record, c.record)
		c.deferred, c.critical = old.deferred, old.critical
	}
	c.noteCritical(time.Now())
	s.checks[id] = c
	delete(s.gone, item{check: id})
	s.wake()
	s.mu.Unlock()
	if old != nil && old.run != c.run {
		old.stop()
	}
	if !s.closed {
		c.start()
	}
}

// noteCritical keeps since when the check is critical.
func (c *check) noteCritical(now time.Time) {
	switch {
	case c.record.Status != definition.Critical:
		c.critical = time.Time{}
	case c.critical.IsZero():
		c.critical = now
	}
}

// RemoveCheck removes a check.
func (s *State) RemoveCheck(ctx context.Context, id string) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	if !s.dropCheck(ctx, id) {
		return unknownCheck(id)
	}
	return nil
}

// dropCheck removes a check and its files, and waits for its end.
func (s *State) dropCheck(_ context.Context, id string) bool {
	s.mu.Lock()
	c := s.checks[id]
	if c != nil {
		delete(s.checks, id)
		if s.services[c.record.ServiceID] != nil || c.record.ServiceID == "" { // else it goes with its service
			s.gone[item{check: id}] = s.token(c.token, c.source)
		}
		s.wake()
	}
	s.mu.Unlock()
	if c == nil {
		return false
	}
	c.stop()
	s.removePersisted(checksDir, id)
	s.removePersisted(statesDir, id)
	return true
}

// Checks are all checks by their IDs.
func (s *State) Checks() map[string]*record.HealthCheck {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]*record.HealthCheck, len(s.checks))
	for id, c := range s.checks {
		all[id] = c.record
	}
	return all
}

// Check is one check. An unknown one is an [*Error] with status 404.
func (s *State) Check(id string) (*record.HealthCheck, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.checks[id]; c != nil {
		return c.record, nil
	}
	return nil, unknownCheck(id)
}

// checksOf are the checks of a service, or those of the node for an empty ID, sorted by their IDs.
func (s *State) checksOf(serviceID string) []*record.HealthCheck {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*record.HealthCheck
	for _, id := range slices.Sorted(maps.Keys(s.checks)) {
		if c := s.checks[id]; c.record.ServiceID == serviceID {
			found = append(found, c.record)
		}
	}
	return found
}
