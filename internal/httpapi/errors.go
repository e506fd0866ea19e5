package httpapi

import (
	"errors"
	"fmt"
	"net/http"
)

// A statusError is an error that chooses the status of the answer. Its text is the answer's body, spelled as Consul spells it.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

// HTTPStatus is the status of the answer.
func (e *statusError) HTTPStatus() int { return e.status }

func refuse(status int, format string, args ...any) error {
	return &statusError{status, fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) error {
	return refuse(http.StatusBadRequest, format, args...)
}

// The errors that do not depend on the request.
// ErrNoPathToDC says that no server of a datacenter is known, or none can be reached.
var ErrNoPathToDC = refuse(http.StatusInternalServerError, "No path to datacenter")

var (
	errUnknownEndpoint = refuse(http.StatusNotFound, "Invalid URL path: not a recognized HTTP API endpoint\n")
	errOutsideAPI      = refuse(http.StatusNotFound, "Invalid URL path: if attempting to use the HTTP API, ensure the path starts with '/v1/'\n")
	errBlocked         = refuse(http.StatusForbidden, "Endpoint is blocked by agent configuration")
	errWriteNetwork    = refuse(http.StatusForbidden, "Access is restricted: http_config.allow_write_http_from does not list the network of this client")
	errMalformedQuery  = refuse(http.StatusInternalServerError, "")
	errMissingKey      = badRequest("Missing key name")
	errUnprintable     = badRequest("the path contains an unprintable character; set disable_http_unprintable_char_filter to allow such keys")
)

// statusOf is the status that err is answered with.
func statusOf(err error) int {
	var chooses interface{ HTTPStatus() int }
	if errors.As(err, &chooses) {
		return chooses.HTTPStatus()
	}
	return http.StatusInternalServerError
}

// writeError answers with err, as plain text.
func writeError(w http.ResponseWriter, err error) {
	text := err.Error()
	if text != "" {
		w.Header()["Content-Type"] = contentText
	}
	w.WriteHeader(statusOf(err))
	_, _ = w.Write([]byte(text)) // nobody is left to be told
}
