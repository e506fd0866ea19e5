package agent

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/agentconfig"
	"github.com/lictor-dr/lictor/internal/logging"
)

// watchInterval is how often the configuration files are looked at under auto_reload_config. A change is taken over once it has been
// there for as long, so that files which are written one after the other are read once.
const watchInterval = time.Second

// reloads take over new configurations, one after the other.
type reloads struct {
	mu   sync.Mutex // guards what follows; held during a reload
	root hclog.InterceptLogger
	last *agentconfig.Config // that has been taken over; nil before the start and after the end

	stop     context.CancelFunc // ends the watching of files; nil without
	watching sync.WaitGroup
}

// startReloads makes reloads possible, and watches the files if the configuration says so.
func (a *Agent) startReloads(root hclog.InterceptLogger) error {
	r := &a.reloads
	r.mu.Lock()
	r.root, r.last = root, a.config
	r.mu.Unlock()
	if !a.config.AutoReload {
		return nil
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	r.watching.Go(func() {
		ticker := time.NewTicker(watchInterval)
		defer ticker.Stop()
		a.watchFiles(ctx, ticker.C)
	})
	return nil
}

// end waits for a reload that is under way, and refuses others.
func (r *reloads) end() {
	if r.stop != nil {
		r.stop()
	}
	r.watching.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = nil
}

// Reread reads the configuration again, from where it came, and takes over what may change while the agent runs. If it cannot be read,
// everything stays as it is.
func (a *Agent) Reread() error {
	r := &a.reloads
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		return errors.New("cannot reload before agent started, nor while it stops")
	}
	config, warnings, err := r.last.Reload()
	if err != nil {
		return err
	}
	for _, w := range warnings {
		a.log.Warn(w)
	}
	level, err := logging.Level(config.Log.Level)
	if err != nil {
		return err
	}
	if err := a.Reload(config); err != nil {
		return err
	}
	r.root.SetLevel(level)
	r.last = config
	return nil
}

// watchFiles looks at the configuration files at each tick, until ctx is done.
func (a *Agent) watchFiles(ctx context.Context, ticks <-chan time.Time) {
	files := a.watchedFiles()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
			a.look(&files)
		}
	}
}

// watchedFiles is the content of the configuration files, as their digests tell.
type watchedFiles struct {
	seen   string // at the last look
	loaded string // when they were last read, well or not
}

// watchedFiles are the files as the agent has read them: those of the configuration, certificates and keys.
func (a *Agent) watchedFiles() watchedFiles {
	files := a.config.LoadedFiles() + a.tls.LoadedFiles()
	return watchedFiles{seen: files, loaded: files}
}

// look reads the configuration again if the files have changed, and changed no more since the last look.
func (a *Agent) look(files *watchedFiles) {
	now := a.config.CurrentFiles() + a.tls.CurrentFiles()
	settled := now == files.seen
	files.seen = now
	if !settled || now == files.loaded {
		return
	}
	files.loaded = now
	a.log.Info("configuration files have changed, reloading")
	if err := a.Reread(); err != nil {
		a.log.Error("Reload config failed", "error", err)
	}
}
