package definition

import (
	"fmt"
	"net/http"
)

//lint:file-ignore ST1005 some texts are Consul's own, capitals and full stops included.

// An Error refuses a definition. Its text is what the client gets.
type Error struct {
	Status int // of the HTTP answer
	Text   string
}

func (e *Error) Error() string { return e.Text }

// HTTPStatus is the status of the HTTP answer.
func (e *Error) HTTPStatus() int { return e.Status }

// bad is an error of the client.
func bad(format string, args ...any) error {
	return &Error{Status: http.StatusBadRequest, Text: fmt.Sprintf(format, args...)}
}
