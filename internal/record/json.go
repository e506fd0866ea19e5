package record

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// The structs of this package have the JSON form of Consul's HTTP API, as far as tags say it; the rest is here.

// A jsonDuration is text such as 10s in JSON, and left out if it is zero. It is read from text, or from a number of nanoseconds.
type jsonDuration time.Duration

func (d jsonDuration) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Duration(d).String())
}

func (d *jsonDuration) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		var s string
		if err := json.Unmarshal(text, &s); err != nil {
			return err
		}
		if s == "" {
			*d = 0
			return nil
		}
		v, err := time.ParseDuration(s)
		*d = jsonDuration(v)
		return err
	}
	if strings.TrimSpace(string(text)) == "null" {
		return nil
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return fmt.Errorf("a duration must be text such as \"10s\" or a whole number of nanoseconds, not %s", text)
	}
	*d = jsonDuration(n)
	return nil
}

type plainDefinition CheckDefinition

// jsonDefinition is a CheckDefinition with durations that JSON shows as text.
type jsonDefinition struct {
	plainDefinition
	DeregisterCriticalServiceAfter jsonDuration `json:",omitempty"`
	Interval                       jsonDuration `json:",omitempty"`
	TTL                            jsonDuration `json:",omitempty"`
	Timeout                        jsonDuration `json:",omitempty"`
}

// MarshalJSON shows durations as text, and leaves out what is not set.
func (c CheckDefinition) MarshalJSON() ([]byte, error) {
	if reflect.ValueOf(&c).Elem().IsZero() { // as of most checks
		return []byte("{}"), nil
	}
	return json.Marshal(jsonDefinition{plainDefinition(c), jsonDuration(c.DeregisterCriticalServiceAfter), jsonDuration(c.Interval),
		jsonDuration(c.TTL), jsonDuration(c.Timeout)})
}

// UnmarshalJSON takes durations as text or as nanoseconds.
func (c *CheckDefinition) UnmarshalJSON(text []byte) error {
	var j jsonDefinition
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	*c = CheckDefinition(j.plainDefinition)
	c.DeregisterCriticalServiceAfter = time.Duration(j.DeregisterCriticalServiceAfter)
	c.Interval, c.TTL, c.Timeout = time.Duration(j.Interval), time.Duration(j.TTL), time.Duration(j.Timeout)
	return nil
}
