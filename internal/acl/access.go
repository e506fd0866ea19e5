package acl

import "fmt"

// Access is what a request wants to do with a resource. List is for keys alone: no rule of another resource can name it, so there it
// takes write or the default to be allowed.
type Access int

// The kinds of access, each of which includes those before it.
const (
	Read Access = iota + 1
	List
	Write
)

// String returns the word that rules and messages use.
func (a Access) String() string {
	switch a {
	case Read:
		return "read"
	case List:
		return "list"
	case Write:
		return "write"
	}
	return fmt.Sprintf("Access(%d)", int(a))
}

// level is what a rule grants: up to an Access, or nothing.
type level uint8

const (
	denied level = 0
	full         = level(Write)
)

func (l level) allows(a Access) bool { return a >= Read && a <= Write && level(a) <= l }

// merge joins two rules for the same segment.
func (l level) merge(other level) level {
	if l == denied || other == denied {
		return denied
	}
	return max(l, other)
}

// parseLevel reads a disposition, which is spelled in lower case.
func parseLevel(r Resource, s string) (level, bool) {
	switch s {
	case "deny":
		return denied, true
	case "read":
		return level(Read), true
	case "list":
		return level(List), r == Key
	case "write":
		return full, true
	}
	return denied, false
}
