package election

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/clock"
)

// A Term is one tenure of the lock. It is safe for concurrent use.
type Term struct {
	c    *Candidate
	s    *session
	lost chan struct{}
	done chan struct{} // closed when the key is no longer watched, and the session given up

	mu        sync.Mutex
	err       error // why it is over
	resigned  bool  // or tried to
	lockIndex uint64
}

func newTerm(c *Candidate, s *session, pair *api.KVPair) *Term {
	t := &Term{c: c, s: s, lost: make(chan struct{}), done: make(chan struct{}), lockIndex: pair.LockIndex}
	c.all.Go(t.watch)
	return t
}

// Lost is closed when the term is known to be over: Consul said so, or it was resigned. It stays open while that is in doubt, see
// [Term.Held].
func (t *Term) Lost() <-chan struct{} { return t.lost }

// Err is why the term is over, or nil. It is an [ErrLost].
func (t *Term) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// Held tells, without asking Consul, whether the lock is held for sure, if nobody took it away by force: the session was renewed
// less than one TTL ago, by the monotonic clock and the wall clock. After any pause it is false until the session has been renewed.
func (t *Term) Held() bool { return t.Err() == nil && t.s.lease() > 0 }

// Session is the ID of the session that holds the lock.
func (t *Term) Session() string { return t.s.id }

// LockIndex is the key's LockIndex as it was last read. A restore or a plain write of the key sets it back: it tells people how often
// the lock has changed hands, and is not for comparing.
func (t *Term) LockIndex() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lockIndex
}

// Check asks Consul whether the term still has the lock: nil if so. It is to be called right before something is committed or
// removed. An [ErrLost] is final; any other error means that it could not be told, and nothing may be committed until a later Check
// succeeds.
func (t *Term) Check(ctx context.Context) error {
	for range 3 {
		if err := t.Err(); err != nil {
			return err
		}
		began := t.c.config.Clock.Now()
		pair, _, err := t.c.read(ctx, 0)
		if err != nil {
			return fmt.Errorf("election: whether the lock is still held is not known: %w", err)
		}
		t.look(pair)
		if t.c.config.Clock.Now().Since(began) < t.c.config.TTL/2 {
			return t.Err()
		}
	}
	return fmt.Errorf("election: whether the lock is still held is not known: answers about %s come too late to be relied on", t.c.config.Key)
}

// look draws the conclusion from a read.
func (t *Term) look(pair *api.KVPair) {
	key := t.c.config.Key
	switch {
	case pair == nil:
		t.finish(fmt.Errorf("election: %w: %s was deleted, or a restore took it away", ErrLost, key))
	case pair.Session == "":
		t.finish(fmt.Errorf("election: %w: the lock on %s was released or its session ended", ErrLost, key))
	case pair.Session != t.s.id:
		t.finish(fmt.Errorf("election: %w: session %s holds %s", ErrLost, pair.Session, key))
	default:
		t.mu.Lock()
		t.lockIndex = pair.LockIndex
		t.mu.Unlock()
	}
}

// finish ends the term, once.
func (t *Term) finish(why error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return
	}
	t.err = why
	close(t.lost)
	t.s.stop(context.Canceled)
}

// watch follows the key until the term is over, then puts an end to the session.
func (t *Term) watch() {
	defer close(t.done)
	key, failed := watch{c: t.c}, backoff{}
	for t.s.ctx.Err() == nil {
		pair, err := key.next(t.s.ctx)
		if err == nil {
			t.look(pair)
			err = t.mend(pair)
		}
		if t.s.ctx.Err() != nil {
			break
		}
		t.c.report(err)
		if err == nil {
			failed.reset()
			continue
		}
		key.index = 0
		_ = clock.Sleep(t.s.ctx, t.c.config.Clock, failed.next()) // the loop sees an end
	}
	if errors.Is(context.Cause(t.s.ctx), errGone) {
		t.finish(fmt.Errorf("election: %w: session %s no longer exists", ErrLost, t.s.id))
	}
	if !errors.Is(t.Err(), ErrResigned) {
		t.s.discard()
	}
	t.s.giveUp()
}

// mend gives the term's own key its flags back: a plain write by somebody else takes them, and other candidates then take the key
// for something else.
func (t *Term) mend(pair *api.KVPair) error {
	if t.Err() != nil || pair.Flags == api.LockFlagValue {
		return nil
	}
	t.c.config.Logger.Warn("somebody wrote to the lock's key: writing it again", "key", pair.Key)
	ok, err := t.c.acquire(t.s.ctx, t.s)
	if err == nil && !ok {
		err = fmt.Errorf("election: %s was refused to its holder", pair.Key)
	}
	return err
}

// Resign gives the lock back, so that another can have it at once, and ends the session. On an error Consul ends the session within
// twice its TTL, and keeps the key for the lock-delay. A term that is over is left alone, and a second call does nothing.
func (t *Term) Resign(ctx context.Context) error {
	t.mu.Lock()
	again := t.resigned
	t.resigned = true
	t.mu.Unlock()
	t.finish(ErrResigned)
	<-t.done
	if again || t.Err() != ErrResigned {
		return nil
	}
	ctx, cancel := clock.WithTimeout(ctx, t.c.config.Clock, t.c.config.TTL)
	defer cancel()
	return errors.Join(t.c.release(ctx, t.s), t.s.destroy(ctx))
}
