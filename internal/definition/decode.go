package definition

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// DecodeService reads the JSON body of a registration and validates it. Errors are of type [*Error].
func DecodeService(body io.Reader) (*Service, error) {
	s := &Service{}
	if err := decodeBody(body, s); err != nil {
		return nil, err
	}
	s.ID = cmp.Or(s.ID, s.Name)
	if s.Connect.hasSidecar() {
		return nil, bad("Invalid service: Connect.SidecarService is not served, for this agent runs no mesh; " +
			"register the proxy as a service of its own")
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return s, nil
}

// DecodeCheck reads the JSON body of a registration and validates it. Errors are of type [*Error].
func DecodeCheck(body io.Reader) (*Check, error) {
	c := &Check{}
	if err := decodeBody(body, c); err != nil {
		return nil, err
	}
	c.CheckID = cmp.Or(c.CheckID, c.Name)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}

func decodeBody(body io.Reader, into any) error {
	text, err := io.ReadAll(body)
	if err == nil {
		err = decode(text, into, false)
	}
	if err != nil {
		return bad("Request decode failed: %s", err)
	}
	return nil
}

// decode reads the first JSON value of text into a struct, in any of the spellings; unknown fields are errors.
func decode(text []byte, into any, unwrap bool) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		if errors.Is(err, io.EOF) {
			return errors.New("EOF")
		}
		return err
	}
	value, err := spelling{unwrap: unwrap}.canonical(value, typeOf(into))
	if err != nil {
		return err
	}
	if text, err = json.Marshal(value); err != nil {
		return err
	}
	d = json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return withoutType(err)
	}
	return nil
}

// withoutType says which field has the wrong type, without the names of our own types.
func withoutType(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
		want := strings.TrimPrefix(e.Type.String(), "*")
		return fmt.Errorf("json: cannot unmarshal %s into Go struct field .%s of type %s", e.Value, e.Field, want)
	}
	return err
}
