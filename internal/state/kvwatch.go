package state

import "sync"

// A watchers registry knows who waits for what: for KV keys, for prefixes of them, and for entries of the Index table. Watches are few
// beside keys, so a write looks up its key here, and each length of prefix that anybody waits for, and pays nothing else. All other
// families are watched through the Index table: a query waits for the entries that its index is made of.
type watchers struct {
	mu       sync.Mutex // guards all; taken with the store locked, for reading or writing
	keys     waitlist
	indexes  waitlist // by folded key of the Index table
	prefixes waitlist
	lengths  map[int]int // lengths of the names in prefixes, with how many of each there are
}

// A waitlist has, by name, a channel that closes when what is named changes.
type waitlist map[string]*waiting

type waiting struct {
	ch    chan struct{}
	count int // of watches
}

func newWatchers() *watchers {
	return &watchers{keys: waitlist{}, indexes: waitlist{}, prefixes: waitlist{}, lengths: map[int]int{}}
}

// watchKey watches one key. It must be called before the key is read, with the store locked for reading.
func (r *watchers) watchKey(w *Watch, key string) {
	if w == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	x, _ := r.keys.join(key)
	w.add(x.ch, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.keys.leave(key, x)
	})
}

// watchIndex watches entries of the Index table. It must be called before they are read.
func (r *watchers) watchIndex(w *Watch, keys ...string) {
	if w == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range keys {
		key = fold(key)
		x, _ := r.indexes.join(key)
		w.add(x.ch, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.indexes.leave(key, x)
		})
	}
}

// raised wakes whoever waits for an entry of the Index table, given by its folded key.
func (r *watchers) raised(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.indexes.wake(key)
}

// watchPrefix watches all keys that begin with prefix, as watchKey does.
func (r *watchers) watchPrefix(w *Watch, prefix string) {
	if w == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	x, isNew := r.prefixes.join(prefix)
	if isNew {
		r.lengths[len(prefix)]++
	}
	w.add(x.ch, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.prefixes.leave(prefix, x) {
			r.dropLength(len(prefix))
		}
	})
}

// changed wakes whoever waits for key, or for a prefix of it.
func (r *watchers) changed(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys.wake(key)
	for n := range r.lengths {
		if n <= len(key) && r.prefixes.wake(key[:n]) {
			r.dropLength(n)
		}
	}
}

func (r *watchers) dropLength(n int) {
	if r.lengths[n]--; r.lengths[n] == 0 {
		delete(r.lengths, n)
	}
}

func (l waitlist) join(name string) (x *waiting, isNew bool) {
	x = l[name]
	if x == nil {
		x, isNew = &waiting{ch: make(chan struct{})}, true
		l[name] = x
	}
	x.count++
	return x, isNew
}

// leave ends one watch of x, and tells whether name was forgotten with it. It may have been woken and joined anew meanwhile.
func (l waitlist) leave(name string, x *waiting) bool {
	x.count--
	if x.count > 0 || l[name] != x {
		return false
	}
	delete(l, name)
	return true
}

// wake closes the channel of name and forgets it; it tells whether there was one.
func (l waitlist) wake(name string) bool {
	x := l[name]
	if x == nil {
		return false
	}
	close(x.ch)
	delete(l, name)
	return true
}
