package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Write writes a history as lines of JSON.
func Write(w io.Writer, ops []Operation) error {
	b := bufio.NewWriter(w)
	lines := json.NewEncoder(b)
	for i, o := range ops {
		if err := lines.Encode(o); err != nil {
			return fmt.Errorf("write operation %d: %w", i, err)
		}
	}
	return b.Flush()
}

// Load reads what Write has written. It refuses operations that no client can have recorded.
func Load(r io.Reader) (ops []Operation, err error) {
	lines := json.NewDecoder(r)
	for {
		var o Operation
		err := lines.Decode(&o)
		if errors.Is(err, io.EOF) {
			return ops, nil
		}
		if err == nil {
			err = o.valid()
		}
		if err != nil {
			return nil, fmt.Errorf("read operation %d: %w", len(ops), err)
		}
		ops = append(ops, o)
	}
}

func (o Operation) valid() error {
	if !o.reads() && !o.writes() && !o.locks() && !o.concernsAll() {
		return fmt.Errorf("there is no kind %q", o.Kind)
	}
	if o.Outcome != OK && o.Outcome != Fail && o.Outcome != Unknown {
		return fmt.Errorf("there is no outcome %q", o.Outcome)
	}
	if o.Call < 0 || o.Return < o.Call {
		return fmt.Errorf("it was sent at %d and returned at %d", o.Call, o.Return)
	}
	return nil
}
