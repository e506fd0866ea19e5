package localstate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/definition"
)

func (s *State) isPersisted(id string) bool {
	if s.config.DataDir == "" {
		return false
	}
	_, err := os.Stat(s.persistedName(servicesDir, id))
	return err == nil
}

// eachPersisted calls fn for each file of a directory. What fn cannot make sense of is logged and left.
func (s *State) eachPersisted(dir string, fn func(name string, text []byte) error) {
	if s.config.DataDir == "" {
		return
	}
	dir = filepath.Join(s.config.DataDir, filepath.FromSlash(dir))
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Error("Cannot read persisted registrations", "dir", dir, "error", err)
	}
	for _, f := range files {
		if f.IsDir() || strings.HasSuffix(f.Name(), "tmp") || strings.Contains(f.Name(), ".tmp") {
			continue
		}
		name := filepath.Join(dir, f.Name())
		text, err := os.ReadFile(name)
		if err == nil {
			err = fn(name, text)
		}
		if err != nil {
			s.log.Error("Cannot restore a persisted registration, leaving the file", "file", name, "error", err)
		}
	}
}

// moveTo gives a file the name it should have; older Consuls used another hash.
func (s *State) moveTo(name, dir, id string) {
	if want := s.persistedName(dir, id); want != name {
		if err := os.Rename(name, want); err != nil {
			s.log.Warn("Cannot rename a persisted registration", "file", name, "error", err)
		}
	}
}

func (s *State) restoreServices() { s.eachPersisted(servicesDir, s.restoreService) }

func (s *State) restoreService(name string, text []byte) error {
	var p persistedService
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	r, err := definition.ParseServiceJSON(p.Service)
	if err != nil {
		return err
	}
	if p.Source != FromAPI && p.Source != FromFile && p.Source != "" {
		s.log.Warn("service exists with invalid source, purging", "service", r.ID, "source", p.Source)
		s.removeFile(name)
		return nil
	}
	if p.LocallyRegisteredAsSidecar {
		return fmt.Errorf("service %q was registered as a sidecar, which this agent does not serve", r.ID)
	}
	s.mu.Lock()
	have := s.services[r.ID]
	s.mu.Unlock()
	if have != nil {
		if have.source == FromFile {
			s.removeFile(name)
		}
		return nil
	}
	s.moveTo(name, servicesDir, r.ID)
	s.putService(&service{record: r, token: p.Token, source: FromAPI})
	return nil
}

func (s *State) restoreChecks() { s.eachPersisted(checksDir, s.restoreCheck) }

func (s *State) restoreCheck(name string, text []byte) error {
	c, err := s.parseCheck(text)
	if err != nil {
		return err
	}
	id := c.record.CheckID
	s.mu.Lock()
	have := s.checks[id]
	s.mu.Unlock()
	if have != nil {
		if have.source == FromFile && have.def != nil {
			s.removeFile(name)
		}
		return nil
	}
	if owner, err := s.checkService(c.record.ServiceID); err != nil {
		s.log.Warn("Dropping a persisted check whose service is gone", "check", id, "service", c.record.ServiceID)
		s.removeFile(name)
		s.removePersisted(statesDir, id)
		return nil
	} else if owner != nil {
		c.adopt(owner)
	}
	if c.def != nil {
		if err := s.allowed(c.def, c.source); err != nil {
			return err
		}
		if err := s.newRun(c, true); err != nil {
			return err
		}
	}
	s.moveTo(name, checksDir, id)
	s.putCheck(c)
	return nil
}

// parseCheck reads a file of a check, which begins as critical again.
func (s *State) parseCheck(text []byte) (*check, error) {
	var p persistedCheck
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, err
	}
	r, err := definition.ParseCheckJSON(p.Check)
	if err != nil {
		return nil, err
	}
	c := &check{record: r, def: p.ChkType, token: p.Token, source: FromAPI}
	r.Node, r.Status, r.Output = s.config.Node.Node, definition.Critical, ""
	if r.ServiceTags == nil {
		r.ServiceTags = []string{}
	}
	if c.def == nil {
		if r.CheckID != NodeMaintenance && !strings.HasPrefix(r.CheckID, ServiceMaintenance) {
			return nil, fmt.Errorf("check %q says nothing of how it is carried out", r.CheckID)
		}
		c.source = FromFile
		return c, nil
	}
	def := c.def
	def.CheckID, def.Name, def.ServiceID = r.CheckID, r.Name, r.ServiceID
	if def.Name == "" {
		def.Name = def.CheckID
	}
	return c, def.Validate()
}

// takeUp gives a check with a TTL the state that it had before a restart, if that is not over yet.
func (s *State) takeUp(c *check) {
	if s.config.DataDir == "" {
		return
	}
	name := s.persistedName(statesDir, c.record.CheckID)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var state checkState
	if err == nil {
		err = json.Unmarshal(text, &state)
	}
	if err == nil && (state.CheckID != c.record.CheckID || !definition.ValidStatus(state.Status)) {
		err = errors.New("it is not the state of this check")
	}
	if err != nil {
		s.log.Error("Cannot restore the state of a check, leaving the file", "check", c.record.CheckID, "file", name, "error", err)
		return
	}
	left := time.Until(time.Unix(state.Expires, 0))
	if left <= 0 {
		s.removeFile(name)
		return
	}
	c.record.Status, c.record.Output = state.Status, state.Output
	c.run.left = min(left, c.def.TTL)
}
