package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// static is a store of one object and its companions, whose names are keys.
type static struct {
	*bucket
	key string
}

// FixedName is the name of the one archive that a store takes, empty for a store that takes any.
func FixedName(store Store) string {
	if s, ok := store.(interface{ FixedName() string }); ok {
		return s.FixedName()
	}
	return ""
}

// FixedName is the store's key.
func (s *static) FixedName() string { return s.key }

// companions are the endings of the keys that List asks for.
var companions = []string{"", ".bad", ".bad.json", ".json"} // sorted

func (s *static) check(name string) error {
	if rest, ok := strings.CutPrefix(name, s.key); ok && (rest == "" || rest[0] == '.' && CheckName("x"+rest) == nil) {
		return nil
	}
	return fmt.Errorf("object name %q is refused: with a static name there is only %q and what goes on after it with a dot", name, s.key)
}

func (s *static) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	if err := s.check(name); err != nil {
		return err
	}
	return s.put(ctx, name, r, size)
}

func (s *static) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := s.check(name); err != nil {
		return nil, err
	}
	return s.get(ctx, name)
}

// List asks for each object. Who may not list a bucket is told of an object that is not there that he may not read it; that is believed
// of the companions of an object that he may read.
func (s *static) List(ctx context.Context) ([]Object, error) {
	var objects []Object
	for _, ending := range companions {
		o, err := s.stat(ctx, s.key+ending)
		switch {
		case errors.Is(err, ErrNotFound), len(objects) > 0 && statusOf(err) == http.StatusForbidden:
			continue
		case err != nil:
			return nil, err
		}
		objects = append(objects, o)
	}
	return objects, nil
}

func (s *static) Delete(ctx context.Context, name string) error {
	if err := s.check(name); err != nil {
		return err
	}
	return s.delete(ctx, name)
}

func (s *static) Location(name string) string { return s.location(name) }
