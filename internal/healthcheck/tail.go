package healthcheck

import "fmt"

// tail is a writer that keeps the last bytes.
type tail struct {
	limit int
	kept  []byte
	total int64
}

// Write keeps the end of p. It never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.total += int64(len(p))
	t.kept = append(t.kept, p[max(0, len(p)-t.limit):]...)
	if over := len(t.kept) - t.limit; over > 0 {
		t.kept = t.kept[:copy(t.kept, t.kept[over:])]
	}
	return len(p), nil
}

// String is what was kept.
func (t *tail) String() string { return string(t.kept) }

// captured is what was kept, and how much that is of all if some is missing.
func (t *tail) captured() string {
	if t.total <= int64(len(t.kept)) {
		return t.String()
	}
	return fmt.Sprintf("Captured %d of %d bytes\n...\n%s", len(t.kept), t.total, t.kept)
}
