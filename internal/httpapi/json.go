package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// writeJSON answers with v.
func writeJSON(w http.ResponseWriter, r *request, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	return writeJSONText(w, r, text)
}

// writeJSONText answers with text, which must be JSON, indented if the request asks for that.
func writeJSONText(w http.ResponseWriter, r *request, text []byte) error {
	if r.has("pretty") {
		var indented bytes.Buffer
		if err := json.Indent(&indented, text, "", "    "); err != nil {
			return fmt.Errorf("indent the answer: %w", err)
		}
		indented.WriteByte('\n')
		text = indented.Bytes()
	}
	out := w.Header()
	out["Content-Type"] = contentJSON
	out["Content-Length"] = []string{strconv.Itoa(len(text))}
	_, _ = w.Write(text) // an error means that the client has gone
	return nil
}
