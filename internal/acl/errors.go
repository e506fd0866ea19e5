package acl

import (
	"fmt"
	"net/http"
)

// statusError is an error that chooses the HTTP status of the answer.
type statusError struct {
	status int
	text   string
	cause  error
}

func (e *statusError) Error() string {
	if e.cause != nil {
		return e.text + ": " + e.cause.Error()
	}
	return e.text
}

// HTTPStatus is the status of the answer.
func (e *statusError) HTTPStatus() int { return e.status }

func (e *statusError) Unwrap() error { return e.cause }

// Errors about tokens and the ACL system as a whole. Each has a method HTTPStatus() int.
var (
	// ErrNotFound: there is no such token. 403.
	ErrNotFound error = &statusError{status: http.StatusForbidden, text: "ACL not found"}
	// ErrDisabled: the ACL API was called while ACLs are off. 401.
	ErrDisabled error = &statusError{status: http.StatusUnauthorized, text: "ACL support disabled"}
	// ErrBootstrapRequired: an unknown token, and nobody has bootstrapped yet. 403; it wraps ErrNotFound.
	ErrBootstrapRequired error = &statusError{
		status: http.StatusForbidden,
		text:   "ACL system must be bootstrapped before making any requests that require authorization",
		cause:  ErrNotFound,
	}
)

// PermissionError says which token lacks which permission. It never holds the secret.
type PermissionError struct {
	AccessorID string // of the token; without meaning for the anonymous one
	Anonymous  bool
	Resource   Resource
	Access     Access
	Name       string // what was asked for; without meaning for resources without names
}

// Denied returns a *PermissionError.
func Denied(accessorID string, anonymous bool, r Resource, access Access, name string) error {
	return &PermissionError{AccessorID: accessorID, Anonymous: anonymous, Resource: r, Access: access, Name: name}
}

// HTTPStatus is 403.
func (e *PermissionError) HTTPStatus() int { return http.StatusForbidden }

// Error returns Consul's text, which for events says no more than that.
func (e *PermissionError) Error() string {
	const bare = "Permission denied"
	if e.Resource == Event {
		return bare
	}
	lacks := fmt.Sprintf("lacks permission '%s:%s'", e.Resource, e.Access)
	if e.Resource.hasNames() {
		lacks += fmt.Sprintf(" on %q", e.Name)
	}
	if e.Anonymous {
		return bare + ": anonymous token " + lacks +
			". The anonymous token is used implicitly when a request does not specify a token."
	}
	return fmt.Sprintf("%s: token with AccessorID '%s' %s", bare, e.AccessorID, lacks)
}
