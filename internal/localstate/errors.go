package localstate

import (
	"errors"
	"fmt"
	"net/http"
)

//lint:file-ignore ST1005 some texts are Consul's own, capitals and full stops included.

// An Error refuses a request. Its text is what the client gets.
type Error struct {
	Status int // of the HTTP answer
	Text   string
}

func (e *Error) Error() string { return e.Text }

// HTTPStatus is the status of the HTTP answer.
func (e *Error) HTTPStatus() int { return e.Status }

func unknownService(id string) error {
	return &Error{http.StatusNotFound, fmt.Sprintf("Unknown service ID %q. Ensure that the service ID is passed, not the service name.", id)}
}

func unknownCheck(id string) error {
	return &Error{http.StatusNotFound, fmt.Sprintf("Unknown check ID %q. Ensure that the check ID is passed, not the check name.", id)}
}

func noSuchService(id string) error {
	return &Error{http.StatusNotFound, fmt.Sprintf("ServiceID %q does not exist", id)}
}

// denied tells whether the catalog refused a token.
func denied(err error) bool {
	status, ok := errors.AsType[interface {
		error
		HTTPStatus() int
	}](err)
	return ok && status.HTTPStatus() == http.StatusForbidden
}
