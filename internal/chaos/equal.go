//go:build heavy && linux

package chaos

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/lictor-dr/lictor/internal/testproc"
)

const equalLimit = 30 * time.Second // for the last entries to reach all servers

// compared are answers that must be the same on all servers once nothing changes any more.
var compared = []string{"/v1/kv/?recurse&stale", "/v1/session/list?stale"}

// equal waits until all servers answer alike, index included.
func (c *cluster) equal() error {
	return testproc.Eventually(equalLimit, func() error {
		for _, path := range compared {
			first, err := c.ask(c.servers[0], http.MethodGet, path, nil)
			if err != nil {
				return fmt.Errorf("%s of %s: %w", path, c.servers[0].Name, err)
			}
			for _, s := range c.servers[1:] {
				a, err := c.ask(s, http.MethodGet, path, nil)
				if err != nil {
					return fmt.Errorf("%s of %s: %w", path, s.Name, err)
				}
				if err := difference(first, a); err != nil {
					return fmt.Errorf("%s of %s and %s: %w", path, c.servers[0].Name, s.Name, err)
				}
			}
		}
		return nil
	})
}

// difference says what makes two answers differ, nil if nothing does.
func difference(a, b answer) error {
	const index = "X-Consul-Index"
	if a.header.Get(index) != b.header.Get(index) {
		return fmt.Errorf("%s is %s and %s", index, a.header.Get(index), b.header.Get(index))
	}
	if bytes.Equal(a.body, b.body) {
		return nil
	}
	var as, bs []map[string]any
	if err := errors.Join(json.Unmarshal(a.body, &as), json.Unmarshal(b.body, &bs)); err != nil {
		return err
	}
	for i := range max(len(as), len(bs)) {
		if i >= len(as) || i >= len(bs) || fmt.Sprint(as[i]) != fmt.Sprint(bs[i]) {
			return fmt.Errorf("%d and %d entries, number %d is %.300s and %.300s", len(as), len(bs), i, entry(as, i), entry(bs, i))
		}
	}
	return errors.New("only in how they are written")
}

func entry(list []map[string]any, i int) string {
	if i >= len(list) {
		return "not there"
	}
	return fmt.Sprint(list[i])
}
