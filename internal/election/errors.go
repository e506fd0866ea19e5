package election

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

// Errors that are to be told apart with errors.Is.
var (
	ErrClosed   = errors.New("election: the candidate is closed")
	ErrBusy     = errors.New("election: a campaign runs already")
	ErrHeld     = errors.New("election: leadership is held already")
	ErrLost     = errors.New("leadership is lost")                                   // of a term that is over, for whatever reason
	ErrResigned = fmt.Errorf("election: resigned: %w", ErrLost)                      // of a term that was given up
	ErrConflict = errors.New("Existing key does not match lock use")                 // the client's own words
	ErrDenied   = errors.New("Consul denies it")                                     // a missing rule, or a token that Consul does not know
	errGone     = errors.New("the session no longer exists")                         // ended by Consul, an operator or a restore
	errStale    = errors.New("the server answered without a leader, or from a copy") // of a read that must be consistent
)

// explain adds the step to an error of the client, and to a denial the rule that is needed.
func explain(ctx context.Context, step, rule string, err error) error {
	var status api.StatusError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && !errors.Is(context.Cause(ctx), context.Canceled):
		return fmt.Errorf("election: %s: no answer in time: %w", step, context.Cause(ctx))
	case errors.As(err, &status) && status.Code == 403 && strings.Contains(status.Body, "ACL not found"):
		return fmt.Errorf("election: %s: %w: it does not know the token: %w", step, ErrDenied, err)
	case errors.As(err, &status) && status.Code == 403, strings.Contains(err.Error(), "Unexpected response code: 403"):
		return fmt.Errorf("election: %s: %w: the token needs the rule %s: %w", step, ErrDenied, rule, err)
	}
	return fmt.Errorf("election: %s: %w", step, err)
}

// sessionInvalid tells whether Consul refused a request for its session.
func sessionInvalid(err error) bool {
	return err != nil && strings.Contains(err.Error(), "invalid session")
}

func (c *Candidate) keyRule() string { return fmt.Sprintf(`key %q { policy = "write" }`, c.config.Key) }

// sessionRule does not name the node: the candidate knows only that it is that of the Consul agent it talks to.
const sessionRule = `session "<node name of the Consul agent>" { policy = "write" }`

// A backoff is how long to wait after each of several failures in a row.
type backoff struct{ last time.Duration }

const maxBackoff = 8 * time.Second

func (b *backoff) next() time.Duration {
	b.last = min(max(time.Second, 2*b.last), maxBackoff)
	return b.last
}

func (b *backoff) reset() { b.last = 0 }
