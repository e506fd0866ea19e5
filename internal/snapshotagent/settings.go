package snapshotagent

import (
	"time"

	"github.com/lictor-dr/lictor/internal/alarm"
	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/encryption"
)

// Settings are what may change while an agent runs.
type Settings struct {
	Interval      time.Duration // 0 for one run, see [Agent.Once]
	MaxFailures   int           // failed runs in a row after which leadership is given up; 0 for never
	MaxAge        time.Duration // of the last proven backup: above it /health answers 503
	SkipUnchanged bool
	DrillEvery    int           // every n-th backup is rebuilt; 1 and less for each
	MaxShrink     int           // percent that the state may shrink from one backup to the next: more stops all deletion; 0 for any
	RPO           time.Duration // the objective: how old the state in a destination may be at most; 0 for none
	Bandwidth     int64         // bytes a second that are read from the cluster and uploaded to other machines; 0 for no limit
	Hooks         []alarm.Hook  // who is told
	// Encrypt is whom backups are encrypted for; nil for nobody, and they are not.
	Encrypt *encryption.Recipients

	Source       backup.Source
	Prover       Prover
	Destinations []Destination // at least one; the agent closes them
}

// settings are Settings in use.
type settings struct {
	Settings
	destinations []*destination
	pace         *pace // nil without a limit
}

// named returns the destination with a name, nil if there is none.
func (s *settings) named(name string) *destination {
	for _, d := range s.destinations {
		if d.name == name {
			return d
		}
	}
	return nil
}

// use makes settings the current ones.
func (a *Agent) use(s Settings) {
	next := &settings{Settings: s, pace: newPace(s.Bandwidth, a.clock)}
	var names []string
	for _, d := range s.Destinations {
		next.destinations = append(next.destinations, &destination{Destination: d, name: d.Store.String(), pace: next.pace})
		names = append(names, d.Store.String())
	}
	a.mu.Lock()
	a.opened = append(a.opened, s.Destinations...)
	a.mu.Unlock()
	a.current.Store(next)
	a.alarm.Use(s.Hooks)
	a.board.use(names)
	a.board.change(func(status *Status) {
		status.Retained, status.Behind, status.Collapsed = map[string]int{}, map[string]bool{}, map[string]string{}
	})
}

// Reload replaces the settings. A run under way goes on with the old ones.
func (a *Agent) Reload(s Settings) {
	a.use(s)
	select {
	case a.reloaded <- struct{}{}:
	default:
	}
}
