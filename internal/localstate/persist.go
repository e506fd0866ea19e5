package localstate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lictor-dr/lictor/internal/atomicfile"
	"github.com/lictor-dr/lictor/internal/definition"
)

// The directories of persisted registrations, below the data directory.
const (
	servicesDir = "services"
	checksDir   = "checks"
	statesDir   = "checks/state"
)

// persistedService is a file in services.
type persistedService struct {
	Token                      string
	Service                    json.RawMessage
	Source                     Source
	LocallyRegisteredAsSidecar bool `json:",omitempty"`
}

// persistedCheck is a file in checks.
type persistedCheck struct {
	Check   json.RawMessage
	ChkType *definition.Check
	Token   string
	Source  Source
}

// checkState is a file in checks/state: the last that was told of a check with a TTL.
type checkState struct {
	CheckID string
	Output  string
	Status  string
	Expires int64 // unix seconds
}

// persistedName is the file of a service or check.
func (s *State) persistedName(dir, id string) string {
	sum := sha256.Sum256([]byte(id))
	return filepath.Join(s.config.DataDir, filepath.FromSlash(dir), hex.EncodeToString(sum[:]))
}

// persistService writes a service that was registered over the API, and removes the file of one that is defined by configuration.
func (s *State) persistService(ctx context.Context, entry *service) error {
	id := entry.record.ID
	if entry.source == FromFile {
		s.removePersisted(servicesDir, id)
		return nil
	}
	form, err := definition.ServiceJSON(entry.record)
	if err == nil {
		err = s.persist(ctx, servicesDir, id, persistedService{Token: entry.token, Service: form, Source: entry.source})
	}
	if err != nil {
		return fmt.Errorf("persisting service %q: %w", id, err)
	}
	return nil
}

// persistCheck is persistService for checks. Maintenance is persisted, though its source is local.
func (s *State) persistCheck(ctx context.Context, c *check) error {
	id := c.record.CheckID
	if c.source == FromFile && c.def != nil {
		s.removePersisted(checksDir, id)
		return nil
	}
	form, err := definition.CheckJSON(c.record)
	if err == nil {
		err = s.persist(ctx, checksDir, id, persistedCheck{Check: form, ChkType: bare(c.def), Token: c.token, Source: c.source})
	}
	if err != nil {
		return fmt.Errorf("persisting check %q: %w", id, err)
	}
	return nil
}

// bare is a definition without what stands elsewhere in the file.
func bare(def *definition.Check) *definition.Check {
	if def == nil {
		return nil
	}
	d := *def
	d.ServiceID, d.Token = "", ""
	return &d
}

func (s *State) persistState(ctx context.Context, state checkState) error {
	if err := s.persist(ctx, statesDir, state.CheckID, state); err != nil {
		return fmt.Errorf("persisting the state of check %q: %w", state.CheckID, err)
	}
	return nil
}

// persist writes a file. A client that goes away does not undo what it asked for.
func (s *State) persist(ctx context.Context, dir, id string, v any) error {
	if s.config.DataDir == "" {
		return nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	name := s.persistedName(dir, id)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return atomicfile.WriteFile(context.WithoutCancel(ctx), name, text, func(err error) {
		s.log.Warn("Cannot make a registration durable", "file", name, "error", err)
	})
}

func (s *State) removePersisted(dir, id string) {
	if s.config.DataDir != "" {
		s.removeFile(s.persistedName(dir, id))
	}
}

func (s *State) removeFile(name string) {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("Cannot remove a persisted registration", "file", name, "error", err)
	}
}
