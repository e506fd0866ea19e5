package snapshotconfig

import "strings"

// Faults is what is wrong with a configuration, all that was found together.
type Faults struct {
	List []string
}

// Error is the one fault, or all of them on lines of their own.
func (f *Faults) Error() string {
	if len(f.List) == 1 {
		return f.List[0]
	}
	return "several faults:\n\t* " + strings.Join(f.List, "\n\t* ")
}
