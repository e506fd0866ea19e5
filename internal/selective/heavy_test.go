//go:build heavy

package selective

import "testing"

// The same at the size of real stores.
func TestOperationsAreCountedAtScale(t *testing.T) { countOperations(t, 100_000, 500) }
