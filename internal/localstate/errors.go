package localstate

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/lictor-dr/lictor/internal/definition"
)

//lint:file-ignore ST1005 some texts are Consul's own, capitals and full stops included.

// An Error refuses a request. Its text is what the client gets.
type Error = definition.Error

func refuse(status int, format string, args ...any) error {
	return &Error{Status: status, Text: fmt.Sprintf(format, args...)}
}

func unknownService(id string) error {
	return refuse(http.StatusNotFound, "Unknown service ID %q. Ensure that the service ID is passed, not the service name.", id)
}

func unknownCheck(id string) error {
	return refuse(http.StatusNotFound, "Unknown check ID %q. Ensure that the check ID is passed, not the check name.", id)
}

func noSuchService(id string) error {
	return refuse(http.StatusNotFound, "ServiceID %q does not exist", id)
}

// denied tells whether the catalog refused a token.
func denied(err error) bool {
	status, ok := errors.AsType[interface {
		error
		HTTPStatus() int
	}](err)
	return ok && status.HTTPStatus() == http.StatusForbidden
}
