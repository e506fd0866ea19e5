package walkthrough

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// values are what the document shows and what there is in its place: IDs, keys and serial numbers.
type values map[string]string

const (
	uuidPattern   = `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`
	keyPattern    = `[A-Za-z0-9+/]{43}=`
	serialPattern = `[0-9A-F]{24,32}` // of a certificate
	timePattern   = `[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.]+(?:Z|[+-][0-9:]+))?`
	rolePattern   = `leader|follower`
	lagPattern    = `-|0 commits` // how far a server is behind, the leader being behind nobody; it ends a line
	unitPattern   = `[0-9]+(?:\.[0-9]+)?(?:ms|µs|s|KB|MB|B)?`
)

// token finds what may differ from run to run. The groups tell which kind it is.
var token = regexp.MustCompile(`(…)|(` + uuidPattern + `)|(` + keyPattern + `)|(` + serialPattern + `)|(` + timePattern + `)|\b(` +
	rolePattern + `)\b|((?:` + lagPattern + `)$)|(` +
	unitPattern + `)|(\s+)`)

// The kinds of tokens, in the order of the groups.
const (
	anything = iota
	id
	key
	serial
	moment
	role
	lag
	number
	space
)

var patterns = [...]string{`.*`, uuidPattern, keyPattern, serialPattern, timePattern, rolePattern, lagPattern, unitPattern, `\s+`}

// kindOf is the kind of a match.
func kindOf(m []int) int {
	for kind := range patterns {
		if m[2+2*kind] >= 0 {
			return kind
		}
	}
	return space
}

// pattern is a line of the document as a regular expression.
type pattern struct {
	re   *regexp.Regexp
	from []string // the text in the document of each group: a value that is not known yet, or of a role
}

// compile makes the pattern of a line in which known values stand already.
func (v values) compile(line string) pattern {
	var b strings.Builder
	p := pattern{}
	known := slices.Collect(maps.Values(v))
	line = strings.TrimSpace(line)
	end := 0
	for _, m := range token.FindAllStringSubmatchIndex(line, -1) {
		b.WriteString(regexp.QuoteMeta(line[end:m[0]]))
		text := line[m[0]:m[1]]
		end = m[1]
		switch kind := kindOf(m); {
		case kind == anything:
			b.WriteString(`.*`)
		case kind >= id && kind <= serial && slices.Contains(known, text), kind == number && !free(line, m[0], m[1]):
			b.WriteString(regexp.QuoteMeta(text))
		case kind >= id && kind <= serial || kind == role:
			b.WriteString(`(` + patterns[kind] + `)`)
			p.from = append(p.from, text)
		default:
			b.WriteString(`(?:` + patterns[kind] + `)`)
		}
	}
	b.WriteString(regexp.QuoteMeta(line[end:]))
	p.re = regexp.MustCompile(`^\s*` + b.String() + `\s*$`)
	return p
}

// free tells whether a number may be another: one of several digits, or with a unit, that is no part of a name or an address.
func free(line string, from, to int) bool {
	const names = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_/"
	before, after := line[:from], line[to:]
	if before != "" && strings.ContainsRune(names, rune(before[len(before)-1])) {
		return false
	}
	if after != "" && strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/", rune(after[0])) {
		return false
	}
	return to-from > 1
}

// match compares what a command has printed with what the document shows, after the known values were put in. It returns the values that
// are known then, or an error that says what differs.
func (v values) match(shown, printed []string) (values, error) {
	learned := maps.Clone(v)
	if learned == nil {
		learned = values{}
	}
	roles := map[string]int{}
	if !learned.lines(shown, printed, roles) {
		return nil, fmt.Errorf("the document shows\n%s\nbut it printed\n%s", indent(shown), indent(printed))
	}
	for role, n := range roles {
		if n != 0 {
			return nil, fmt.Errorf("another number of servers is %s: it printed\n%s", role, indent(printed))
		}
	}
	return learned, nil
}

func indent(lines []string) string { return "    " + strings.Join(lines, "\n    ") }

// lines compares from the first line on.
func (v values) lines(shown, printed []string, roles map[string]int) bool {
	switch {
	case len(shown) == 0:
		return len(printed) == 0
	case strings.TrimSpace(shown[0]) == "…":
		for skip := range len(printed) + 1 {
			attempt, counted := maps.Clone(v), maps.Clone(roles)
			if attempt.lines(shown[1:], printed[skip:], counted) {
				maps.Copy(v, attempt)
				maps.Copy(roles, counted)
				return true
			}
		}
		return false
	case len(printed) == 0:
		return false
	}
	p := v.compile(v.put(shown[0]))
	m := p.re.FindStringSubmatch(strings.TrimSpace(printed[0]))
	if m == nil {
		return false
	}
	for i, from := range p.from {
		if regexp.MustCompile(`^(` + rolePattern + `)$`).MatchString(from) {
			roles[from]++
			roles[m[i+1]]--
			continue
		}
		if old, ok := v[from]; ok && old != m[i+1] {
			return false
		}
		v[from] = m[i+1]
	}
	return v.lines(shown[1:], printed[1:], roles)
}

// put replaces the values that are known in a text.
func (v values) put(text string) string {
	pairs := make([]string, 0, 2*len(v))
	for _, from := range slices.Sorted(maps.Keys(v)) {
		pairs = append(pairs, from, v[from])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
