package retryjoin

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// query is a question to a cloud.
type query struct {
	provider string
	names    []string // of the arguments, in the entry's order
	values   map[string]string
}

// IsCloud tells whether an entry is a question to a cloud rather than an address: no address has an equals sign.
func IsCloud(entry string) bool { return strings.Contains(entry, "=") }

// CheckEntry refuses an entry that no attempt could use: questions to clouds that are not served, with arguments that the provider does
// not read, or without one that it needs. What it says holds no argument's value. It asks nobody.
func CheckEntry(entry string) error {
	if strings.TrimSpace(entry) == "" {
		return errors.New("an entry to join is empty: it must be an address, or name a provider")
	}
	if !IsCloud(entry) {
		return nil
	}
	q, err := parseQuery(entry)
	if err != nil {
		return err
	}
	return q.check()
}

// Redact is an entry as logs and APIs may show it: an address as it is, of a question to a cloud the provider and the arguments' names.
func Redact(entry string) string {
	if !IsCloud(entry) {
		return entry
	}
	q, err := parseQuery(entry)
	p, served := providers[q.provider]
	if err != nil || !served {
		return "provider=hidden"
	}
	shown := "provider=" + q.provider
	for _, name := range q.names {
		if slices.Contains(p.arguments, name) { // what is no argument may be a piece of a value that lacks its quotes
			shown += " " + name + "=hidden"
		}
	}
	return shown
}

// parseQuery reads `key=value key="a value" …` as go-discover does: keys and values with spaces, equals signs or quotes in them stand in
// double quotes, where a backslash escapes. Errors count the arguments, for a name might be a piece of a secret that lacks its quotes.
func parseQuery(entry string) (query, error) {
	q := query{values: map[string]string{}}
	rest := strings.TrimSpace(entry)
	for n := 1; rest != ""; n++ {
		fault := func(what string) (query, error) {
			return query{}, fmt.Errorf("cloud auto-join: argument %d %s; quote values that hold spaces or equals signs", n, what)
		}
		name, after, err := cutWord(rest)
		if err != nil {
			return fault("has a name that " + err.Error())
		}
		after, found := strings.CutPrefix(skipSpace(after), "=")
		if !found {
			return fault("has no equals sign")
		}
		value, after, err := cutWord(after)
		if err != nil {
			return fault("has a value that " + err.Error())
		}
		if _, again := q.values[name]; again {
			return fault("is there already")
		}
		q.values[name] = value
		q.names = append(q.names, name)
		rest = skipSpace(after)
	}
	q.provider = q.values["provider"]
	return q, nil
}

// cutWord cuts the first word or quoted string off.
func cutWord(s string) (word, rest string, err error) {
	s = skipSpace(s)
	if strings.HasPrefix(s, `"`) {
		quoted, err := strconv.QuotedPrefix(s)
		if err != nil {
			return "", "", errors.New("is not quoted well")
		}
		word, err := strconv.Unquote(quoted)
		return word, s[len(quoted):], err
	}
	end := strings.IndexFunc(s, func(r rune) bool { return r == '=' || unicode.IsSpace(r) })
	if end < 0 {
		end = len(s)
	}
	if end == 0 {
		return "", "", errors.New("is missing")
	}
	return s[:end], s[end:], nil
}

func skipSpace(s string) string { return strings.TrimLeftFunc(s, unicode.IsSpace) }

func (q query) check() error {
	p, served := providers[q.provider]
	if _, named := q.values["provider"]; !named {
		return fmt.Errorf("cloud auto-join: provider=… is missing: the providers are %s", strings.Join(providerNames(), ", "))
	}
	if !served && !plainName.MatchString(q.provider) { // it may be a secret that lacks its quotes
		return fmt.Errorf("cloud auto-join with this provider is not served: the providers are %s", strings.Join(providerNames(), ", "))
	}
	if !served {
		return fmt.Errorf("cloud auto-join with provider %q is not served: the providers are %s", q.provider, strings.Join(providerNames(), ", "))
	}
	fault := func(format string, a ...any) error {
		return fmt.Errorf("cloud auto-join with provider %q: "+format, append([]any{q.provider}, a...)...)
	}
	for i, name := range q.names {
		if name != "provider" && !slices.Contains(p.arguments, name) {
			return fault("argument %d is none of those that it reads: %s", i+1, strings.Join(p.arguments, ", "))
		}
		if choices := p.choices[name]; choices != nil && !slices.Contains(choices, q.values[name]) {
			return fault("%s is none of %s", name, strings.Join(choices, ", "))
		}
	}
	for _, name := range p.required {
		if q.values[name] == "" {
			return fault("%s is missing", name)
		}
	}
	if p.check == nil {
		return nil
	}
	if what := p.check(q.values); what != "" {
		return fault("%s", what)
	}
	return nil
}

// plainName is what a provider's name looks like.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_-]{0,32}$`)

func providerNames() []string { return slices.Sorted(maps.Keys(providers)) }

// checkAzure tells what an Azure question lacks: there are two ways to ask, and which subscription is meant may be in the environment.
func checkAzure(values map[string]string) string {
	given := func(name string) bool { return values[name] != "" }
	tags := given("tag_name") && given("tag_value") && !given("resource_group") && !given("vm_scale_set")
	set := given("resource_group") && given("vm_scale_set") && !given("tag_name") && !given("tag_value")
	if !tags && !set {
		return "give either tag_name and tag_value, or resource_group and vm_scale_set"
	}
	if _, set := values["subscription_id"]; !given("subscription_id") && (set || os.Getenv("ARM_SUBSCRIPTION_ID") == "") {
		return "subscription_id is missing, and the environment has no ARM_SUBSCRIPTION_ID"
	}
	return ""
}
