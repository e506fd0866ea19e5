package snapshotconfig

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/retention"
)

// kind is the type of a key's value.
type kind int

const (
	kindString   kind = iota // string
	kindBool                 // bool
	kindInt                  // int
	kindDuration             // time.Duration
	kindSize                 // int64, in bytes
	kindMap                  // map[string]string
	kindAge                  // time.Duration, with days, weeks and years
	kindPercent              // int, from 1 to 100
	kindList                 // []string
	kindRate                 // int64, in bytes a second
)

// fate is what becomes of a key that is in use.
type fate int

const (
	served   fate = iota // the value ends up in Config
	refused              // Load fails
	noEffect             // there is a warning
)

// key describes one key and the flag that sets it.
type key struct {
	path  string // below snapshot_agent; of a destination the block's name and the key's
	flag  string // "" if no flag sets it
	kind  kind
	def   any    // the value when nothing sets one; nil is the zero value
	env   string // the variable that is read when nothing else sets a value
	fate  fate
	why   string // of a key that is not served: the reason, and what to do
	usage string // of the flag, with the name of its argument in back quotes
}

// value is what a source says of a key.
type value struct {
	v    any    // of the key's kind; nil for an empty text, which stands for the default
	from string // the file, or the flag with its dash
}

// values holds what is set, by path.
type values map[string]value

// known is every key by its path.
var known = index()

func index() map[string]*key {
	all := map[string]*key{}
	for _, g := range groups {
		for i := range g.keys {
			all[g.keys[i].path] = &g.keys[i]
		}
	}
	return all
}

// get returns the value in force. The environment is not asked: variables have a say in few keys, see fromEnvironment.
func (s values) get(path string) any {
	if v := s[path].v; v != nil {
		return v
	}
	return known[path].def
}

func (s values) str(path string) string             { v, _ := s.get(path).(string); return v }
func (s values) list(path string) []string          { v, _ := s.get(path).([]string); return v }
func (s values) secret(path string) Secret          { return Secret(s.str(path)) }
func (s values) boolean(path string) bool           { v, _ := s.get(path).(bool); return v }
func (s values) integer(path string) int            { v, _ := s.get(path).(int); return v }
func (s values) size(path string) int64             { v, _ := s.get(path).(int64); return v }
func (s values) duration(path string) time.Duration { v, _ := s.get(path).(time.Duration); return v }

// inUse reports whether a value is set that is not the default.
func (s values) inUse(path string) bool {
	switch v := s[path].v.(type) {
	case nil:
		return false
	case map[string]string:
		return len(v) > 0
	case []string:
		return len(v) > 0
	case bool:
		return v != (known[path].def == true)
	default:
		return v != known[path].def
	}
}

// name is what to call a key in a message: the flag, or the key and the file that set it.
func (s values) name(path string) string {
	switch from := s[path].from; {
	case from == "":
		return path
	case strings.HasPrefix(from, "-"):
		return from
	default:
		return path + " in " + from
	}
}

// parse reads a value from text, of a flag or of a string in a file. The error does not repeat the text.
func (k *key) parse(text string) (any, error) {
	if text == "" && k.kind != kindBool {
		return nil, nil
	}
	switch k.kind {
	case kindBool:
		v, err := strconv.ParseBool(text)
		if err != nil {
			return nil, fmt.Errorf("not a boolean: write true or false")
		}
		return v, nil
	case kindInt:
		v, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("not a whole number")
		}
		return v, nil
	case kindDuration:
		v, err := time.ParseDuration(text)
		if err != nil {
			return nil, fmt.Errorf("not a duration: write a number with its unit, as in 90s, 30m or 12h")
		}
		return v, nil
	case kindSize:
		return parseSize(text)
	case kindAge:
		return retention.ParseAge(text)
	case kindPercent:
		return retention.ParsePercent(text)
	case kindRate:
		return parseRate(text)
	case kindList:
		return []string{text}, nil
	case kindMap:
		name, v, _ := strings.Cut(text, "=")
		return map[string]string{name: v}, nil
	}
	return text, nil
}
