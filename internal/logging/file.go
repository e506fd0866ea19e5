package logging

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/agentconfig"
)

// file is a log file that is rotated: once it is full or old enough it is renamed to NAME-<unix ns>.log, an
// archive, and a new file takes its place. Entries are never split between files.
//
// Rotation is renaming first and creating second. A crash in between leaves the archive, and the next start
// creates the file; nothing is lost.
type file struct {
	path   string        // of the file that is written
	prefix string        // base name of an archive up to its time
	ext    string        // and after it
	limit  int64         // bytes; 0 is unlimited
	age    time.Duration // 0 is unlimited
	keep   int           // archives; keepAll
	now    func() time.Time

	f    *os.File // nil after a rotation that could not create the new file
	size int64
	born time.Time // when the file's first entry was written, as far as is known
}

// keepAll is the number of archives that stands for no limit.
const keepAll = -1

// defaultName is the file's name when only a directory is configured.
const defaultName = "consul.log"

// openFile opens the log file of cfg, with mode 0600 if it is new. An existing file is continued, and its size and
// age count. The directory must exist.
func openFile(cfg agentconfig.LogConfig, now func() time.Time) (*file, error) {
	path := filePath(cfg.File)
	ext := filepath.Ext(path)
	l := &file{
		path:   path,
		prefix: strings.TrimSuffix(filepath.Base(path), ext) + "-",
		ext:    ext,
		limit:  int64(cfg.RotateBytes),
		age:    cfg.RotateDuration,
		keep:   archivesToKeep(cfg.RotateMaxFiles),
		now:    now,
	}
	err := l.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open log file: %w: create the directory %s first", err, filepath.Dir(path))
	}
	if err != nil {
		return nil, fmt.Errorf("open log file: %w", err)
	}
	return l, nil
}

// filePath resolves log_file: a directory gets a file in it, and a name without an extension gets .log.
func filePath(configured string) string {
	if strings.HasSuffix(configured, "/") || os.IsPathSeparator(configured[len(configured)-1]) {
		return filepath.Join(configured, defaultName)
	}
	if filepath.Ext(configured) == "" {
		return configured + ".log"
	}
	return configured
}

// archivesToKeep translates log_rotate_max_files, where 0 keeps all and -1 none.
func archivesToKeep(maxFiles int) int {
	switch {
	case maxFiles == 0:
		return keepAll
	case maxFiles < 0:
		return 0
	}
	return maxFiles
}

// open opens or creates the file to write.
func (l *file) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close() // the first error is the one to tell
		return err
	}
	l.f, l.size, l.born = f, info.Size(), l.birth(info.ModTime())
	return nil
}

// birth guesses when an existing file was begun, because file systems do not tell: when the newest archive was
// made, and without one not after the last write. A file that is continued at every restart ages all the same.
func (l *file) birth(written time.Time) time.Time {
	archives, err := l.archives()
	if err != nil || len(archives) == 0 {
		return written
	}
	if made := time.Unix(0, archives[len(archives)-1]); made.Before(written) {
		return made
	}
	return written
}

// write appends one entry, after a rotation if one is due. When the rotation fails the entry is still written.
func (l *file) write(_ hclog.Level, p []byte) error {
	var rotated error
	if l.due(len(p)) {
		rotated = l.rotate()
	}
	if l.f == nil {
		if err := l.open(); err != nil {
			return errors.Join(rotated, fmt.Errorf("open log file: %w", err))
		}
	}
	if l.size == 0 {
		l.born = l.now()
	}
	n, err := l.f.Write(p)
	l.size += int64(n)
	if err != nil {
		err = fmt.Errorf("write log file: %w", err)
	}
	return errors.Join(rotated, err)
}

// due tells whether the file must be rotated before an entry of n bytes. An empty file never is.
func (l *file) due(n int) bool {
	if l.size == 0 {
		return false
	}
	full := l.limit > 0 && l.size+int64(n) > l.limit
	old := l.age > 0 && l.now().Sub(l.born) >= l.age
	return full || old
}

// rotate closes the file, makes it an archive and removes archives that are too many. The caller opens the new
// file, or the old one again if it could not be renamed.
func (l *file) rotate() error {
	if l.f != nil {
		err := l.f.Close()
		l.f = nil
		if err != nil {
			return fmt.Errorf("rotate log file: %w", err)
		}
	}
	if err := os.Rename(l.path, l.archivePath()); err != nil {
		return fmt.Errorf("rotate log file: %w", err)
	}
	l.size = 0
	return l.prune()
}

// archivePath returns a path that no archive has yet: renaming would replace it.
func (l *file) archivePath() string {
	for ns := l.now().UnixNano(); ; ns++ {
		path := l.pathOf(ns)
		if _, err := os.Lstat(path); err != nil {
			return path
		}
	}
}

func (l *file) pathOf(ns int64) string {
	return filepath.Join(filepath.Dir(l.path), l.prefix+strconv.FormatInt(ns, 10)+l.ext)
}

// prune removes the oldest archives beyond the number to keep.
func (l *file) prune() error {
	if l.keep == keepAll {
		return nil
	}
	archives, err := l.archives()
	if err != nil {
		return fmt.Errorf("list rotated log files: %w", err)
	}
	var errs []error
	for _, ns := range archives[:max(0, len(archives)-l.keep)] {
		if err := os.Remove(l.pathOf(ns)); err != nil {
			errs = append(errs, fmt.Errorf("remove rotated log file: %w", err))
		}
	}
	return errors.Join(errs...)
}

// archives returns the times of all archives, oldest first. Other files in the directory are not touched.
func (l *file) archives() ([]int64, error) {
	entries, err := os.ReadDir(filepath.Dir(l.path))
	if err != nil {
		return nil, err
	}
	var times []int64
	for _, e := range entries {
		if ns, ok := l.archiveTime(e.Name()); ok && e.Type().IsRegular() {
			times = append(times, ns)
		}
	}
	slices.Sort(times)
	return times, nil
}

// archiveTime returns the time in an archive's name, and whether the name is one that rotation gives.
func (l *file) archiveTime(name string) (int64, bool) {
	digits, ok := strings.CutPrefix(name, l.prefix)
	if !ok {
		return 0, false
	}
	digits, ok = strings.CutSuffix(digits, l.ext)
	if !ok {
		return 0, false
	}
	ns, err := strconv.ParseInt(digits, 10, 64)
	return ns, err == nil && strconv.FormatInt(ns, 10) == digits
}

func (l *file) close() error {
	if l.f == nil {
		return nil
	}
	return l.f.Close()
}
