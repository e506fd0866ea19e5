package kvarchive

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/hcl/ast"
	hclparser "github.com/hashicorp/hcl/hcl/parser"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/record"
)

// Words of legacy rules. A name in them was always a prefix; since Consul 1.4 the word itself says so.
var (
	prefixWords = []string{"agent", "event", "key", "node", "query", "service", "session"}
	plainWords  = []string{"keyring", "operator"}
)

// Modernize makes of a legacy ACL a token of Consul 1.4 and later that may do the same, and the policy that the token links to by name.
//
// The token keeps the secret, and has the ACL's name as its description. It has no AccessorID, so that the server makes one, unless it is
// the anonymous token, which every cluster has. A management ACL becomes a link to the policy global-management, and one without rules a
// token without rights; there is no policy then, and nil is returned. The policy's name is made of the ACL's name and a digest
// of both it and the rules: equal ACLs share a policy.
//
// In the rules, key "p" becomes key_prefix "p", and so on; the rest of the text stays as it is, comments included. Rules that cannot be
// read are an error, and so are words that legacy rules did not have: Consul passed over them then, and would obey them now.
func Modernize(old *LegacyACL) (*record.ACLToken, *record.ACLPolicy, error) {
	token := &record.ACLToken{SecretID: old.ID, Description: old.Name}
	if old.ID == acl.AnonymousSecretID {
		token.AccessorID = acl.AnonymousAccessorID
	}
	switch {
	case old.ID == "":
		return nil, nil, errors.New("translate a legacy ACL: it has no ID")
	case old.Type == ManagementACL:
		token.Policies = []record.ACLLink{{ID: acl.GlobalManagementID, Name: acl.GlobalManagementName}}
		return token, nil, nil
	case old.Type != ClientACL:
		return nil, nil, fmt.Errorf("translate the legacy ACL %.80q: it is of the unknown type %.80q", old.Name, old.Type)
	case strings.TrimSpace(old.Rules) == "":
		return token, nil, nil
	}
	rules, err := modernRules(old.Rules)
	if err != nil {
		return nil, nil, fmt.Errorf("translate the rules of the legacy ACL %.80q: %w", old.Name, err)
	}
	policy := &record.ACLPolicy{Name: policyName(old.Name, rules), Rules: rules,
		Description: fmt.Sprintf("Rules of the legacy ACL %.200q", old.Name)}
	token.Policies = []record.ACLLink{{Name: policy.Name}}
	return token, policy, nil
}

// policyName keeps of a name what the name of a policy may have.
func policyName(name, rules string) string {
	const longest = 100
	word := strings.Map(func(c rune) rune {
		if c < unicode.MaxASCII && (unicode.IsLetter(c) || unicode.IsDigit(c) || c == '_') {
			return c
		}
		return '-'
	}, name)
	word = word[:min(len(word), longest)]
	sum := sha256.Sum256([]byte(name + "\x00" + rules))
	parts := []string{"legacy", strings.Trim(word, "-"), hex.EncodeToString(sum[:6])}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "-")
}

// modernRules translates rules by changing the words at their top, where these stand.
func modernRules(rules string) (string, error) {
	rules = strings.ReplaceAll(rules, "\r\n", "\n")
	if _, _, err := acl.ParseStored(rules); err != nil { // which bounds what the parsers below have to bear
		return "", err
	}
	places, err := topWords(rules)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	done := 0
	for _, p := range places {
		word := strings.ToLower(p.word)
		switch {
		case slices.Contains(prefixWords, word):
			out.WriteString(rules[done:p.begin] + strings.Replace(rules[p.begin:p.end], p.word, word+"_prefix", 1))
			done = p.end
		case !slices.Contains(plainWords, word):
			return "", fmt.Errorf("legacy rules have no %.80q", p.word)
		}
	}
	out.WriteString(rules[done:])
	if _, err := acl.Parse(out.String()); err != nil {
		return "", err
	}
	return out.String(), nil
}

// place is where a word at the top of rules stands, with its quotes if it has some.
type place struct {
	word       string
	begin, end int
}

func topWords(rules string) ([]place, error) {
	if strings.HasPrefix(strings.TrimLeftFunc(rules, unicode.IsSpace), "{") {
		return topWordsJSON(rules)
	}
	file, err := hclparser.Parse([]byte(rules))
	if err != nil {
		return nil, err
	}
	items, ok := file.Node.(*ast.ObjectList)
	if !ok {
		return nil, errors.New("the rules have an unknown form")
	}
	var places []place
	for _, item := range items.Items {
		if len(item.Keys) == 0 {
			return nil, errors.New("the rules have a block without a word")
		}
		text, begin := item.Keys[0].Token.Text, item.Keys[0].Token.Pos.Offset
		if begin < 0 || begin > len(rules) || !strings.HasPrefix(rules[begin:], text) {
			return nil, fmt.Errorf("the word %.80q is not where it was found", text)
		}
		places = append(places, place{strings.Trim(text, `"`), begin, begin + len(text)})
	}
	return places, nil
}

// topWordsJSON finds the names at the top of an object.
func topWordsJSON(rules string) ([]place, error) {
	dec := json.NewDecoder(strings.NewReader(rules))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	var places []place
	for dec.More() {
		before := int(dec.InputOffset())
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		word, _ := token.(string)
		end := int(dec.InputOffset())
		begin := before + strings.IndexByte(rules[before:end], '"')
		if !strings.Contains(rules[begin:end], word) {
			return nil, fmt.Errorf("the word %.80q is written with escapes", word)
		}
		places = append(places, place{word, begin, end})
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
	}
	return places, nil
}
