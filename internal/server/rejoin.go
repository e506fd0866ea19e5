package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/lictor-dr/lictor/internal/atomicfile"
)

// seenName is the file beside Raft's directory that says when this server has run last.
const seenName = "server_metadata.json"

// seenInterval is how often that is written.
const seenInterval = time.Hour

// ErrRejoinAge is the error of a start after too long a time: what the server would bring back may have been deleted long ago. Whoever
// starts it all the same deletes server_metadata.json first.
var ErrRejoinAge = errors.New("refusing to rejoin cluster because server has been offline for more than the configured server_rejoin_age_max")

// lastSeen is the content of server_metadata.json.
type lastSeen struct {
	Unix int64 `json:"last_seen_unix"`
}

// watchesAge tells whether this server keeps when it has run last.
func (c *Config) watchesAge() bool { return c.Dir != "" && c.RejoinAgeMax > 0 }

func (c *Config) seenPath() string { return filepath.Join(filepath.Dir(c.Dir), seenName) }

// checkRejoinAge returns an [ErrRejoinAge] if this server has not run for too long. A server that never kept the time may start.
func (c *Config) checkRejoinAge(now time.Time) error {
	if !c.watchesAge() {
		return nil
	}
	b, err := os.ReadFile(c.seenPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read when this server has run last: %w", err)
	}
	seen, ok := decodeSeen(b)
	if !ok {
		return fmt.Errorf("%s is damaged, so nothing tells how long this server has been offline: "+
			"delete it if that was less than server_rejoin_age_max (%s)", c.seenPath(), c.RejoinAgeMax)
	}
	if now.Sub(seen) > c.RejoinAgeMax {
		return fmt.Errorf("%w (%s) - consider wiping your data dir", ErrRejoinAge, c.RejoinAgeMax)
	}
	return nil
}

// decodeSeen reads the content of server_metadata.json; it returns false if that holds no time.
func decodeSeen(b []byte) (time.Time, bool) {
	var seen lastSeen
	if err := json.Unmarshal(b, &seen); err != nil || seen.Unix <= 0 {
		return time.Time{}, false
	}
	return time.Unix(seen.Unix, 0), true
}

// keepSeen writes from time to time that this server runs, until ctx ends.
func (s *Server) keepSeen(ctx context.Context) {
	tick := time.NewTicker(seenInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.writeSeen(now)
		}
	}
}

func (s *Server) writeSeen(now time.Time) {
	b, err := json.Marshal(lastSeen{now.Unix()})
	if err == nil {
		err = atomicfile.WriteFile(context.Background(), s.config.seenPath(), b, nil)
	}
	if err != nil {
		s.log.Error("failed to write server_metadata.json: the next start may be refused", "error", err)
	}
}
