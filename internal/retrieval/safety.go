package retrieval

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// Safety snapshots are what was saved of a cluster before something was restored into it. They are no backups: they have no entry, and no
// retention knows them.
const (
	safetyPrefix = "safety-"
	safetySuffix = ".snap"
	ageSuffix    = ".age"
)

// SafetyName is the name of the safety snapshot of a datacenter that is made now.
func SafetyName(datacenter string, now time.Time, encrypted bool) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '_'
	}, datacenter)
	if len(clean) > 100 {
		clean = clean[:100]
	}
	if clean == "" {
		clean = "cluster"
	}
	name := safetyPrefix + clean + "-" + now.UTC().Format("20060102T150405.000Z") + safetySuffix
	if encrypted {
		name += ageSuffix
	}
	return name
}

// IsSafetyName tells whether a name is one of a safety snapshot.
func IsSafetyName(name string) bool {
	return strings.HasPrefix(name, safetyPrefix) && strings.HasSuffix(strings.TrimSuffix(name, ageSuffix), safetySuffix) &&
		blobstore.CheckName(name) == nil
}

// SafetyObject is the name of the object of a safety snapshot in a store.
func SafetyObject(store blobstore.Store, name string) string {
	if fixed := blobstore.FixedName(store); fixed != "" { // which takes only what begins with it
		return fixed + "." + name
	}
	return name
}

// FindSafety looks for a safety snapshot by its name. The error wraps [ErrNone] if none of the stores that could be asked has it.
func FindSafety(ctx context.Context, stores []blobstore.Store, name string) (*Copies, error) {
	out := new(Copies)
	var missing []error
	for _, store := range stores {
		object := SafetyObject(store, name)
		r, err := store.Get(ctx, object)
		switch {
		case errors.Is(err, blobstore.ErrNotFound):
			missing = append(missing, fmt.Errorf("%s: %w: there is no safety snapshot %s", store, ErrNone, name))
		case err != nil:
			out.Unlisted = append(out.Unlisted, err)
		default:
			_ = r.Close() // nothing was read
			out.Sources = append(out.Sources, &Source{store, &inventory.Backup{ID: name, Name: object, Archive: true}})
		}
	}
	if len(out.Sources) == 0 {
		return out, errors.Join(append(missing, out.Unlisted...)...)
	}
	return out, nil
}
