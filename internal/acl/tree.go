package acl

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/hcl/ast"
	hclparser "github.com/hashicorp/hcl/hcl/parser"
	"github.com/hashicorp/hcl/hcl/scanner"
	hclstrconv "github.com/hashicorp/hcl/hcl/strconv"
	"github.com/hashicorp/hcl/hcl/token"
)

const (
	// maxRules is the length of rules in bytes. It is above what a Raft log entry of a healthy cluster holds.
	maxRules = 1 << 20
	// maxDepth is how deep objects and lists may nest. Rules need five levels at most; the parser of HCL recurses with each.
	maxDepth = 16
)

var errDepth = fmt.Errorf("objects and lists are nested more than %d deep", maxDepth)

type kind uint8

const (
	other kind = iota // numbers, booleans, null and heredocs: nothing that rules have a use for
	text
	object
	list
)

// value is rules text as a tree, the same for HCL and JSON.
type value struct {
	kind   kind
	text   string
	fields []field // of an object, in order, with duplicates
	list   []value
}

type field struct {
	name string
	line int // 0 in JSON
	val  value
}

// parseTree returns the fields at the top of the text.
func parseTree(rules string) ([]field, error) {
	if len(rules) > maxRules {
		return nil, fmt.Errorf("%d bytes are more than the %d that rules may have", len(rules), maxRules)
	}
	if strings.HasPrefix(strings.TrimLeftFunc(rules, unicode.IsSpace), "{") {
		return parseJSON(rules)
	}
	return parseHCL(rules)
}

// parseJSON does not use the parser that comes with HCL, which drops what follows a syntax error without a word.
func parseJSON(rules string) ([]field, error) {
	dec := json.NewDecoder(strings.NewReader(rules))
	top, err := jsonValue(dec, 0)
	if err != nil {
		return nil, jsonError(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("text follows the end of the JSON document")
	}
	return top.fields, nil
}

func jsonError(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func jsonValue(dec *json.Decoder, depth int) (value, error) {
	t, err := dec.Token()
	if err != nil {
		return value{}, jsonError(err)
	}
	switch t := t.(type) {
	case string:
		return value{kind: text, text: t}, nil
	case json.Delim:
		if depth++; depth > maxDepth {
			return value{}, errDepth
		}
		if t == '{' {
			return jsonObject(dec, depth)
		}
		return jsonList(dec, depth)
	}
	return value{}, nil
}

func jsonObject(dec *json.Decoder, depth int) (value, error) {
	v := value{kind: object}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return value{}, jsonError(err)
		}
		val, err := jsonValue(dec, depth)
		if err != nil {
			return value{}, err
		}
		name, _ := key.(string) // the decoder lets nothing else be a key
		v.fields = append(v.fields, field{name: name, val: val})
	}
	_, err := dec.Token()
	return v, err
}

func jsonList(dec *json.Decoder, depth int) (value, error) {
	v := value{kind: list}
	for dec.More() {
		val, err := jsonValue(dec, depth)
		if err != nil {
			return value{}, err
		}
		v.list = append(v.list, val)
	}
	_, err := dec.Token()
	return v, err
}

func parseHCL(rules string) ([]field, error) {
	src := []byte(strings.ReplaceAll(rules, "\r\n", "\n"))
	if err := checkTokens(src); err != nil {
		return nil, err
	}
	file, err := hclparser.Parse(src)
	if err != nil {
		return nil, fmt.Errorf("%.300s", err.Error()) // which may quote much of the text
	}
	return hclFields(file.Node)
}

// checkTokens finds what the parser must not be given, for it recurses, or does not mind: an assignment that ends the text.
func checkTokens(src []byte) error {
	sc := scanner.New(src)
	sc.Error = func(token.Pos, string) {} // the parser tells
	depth, last := 0, token.EOF
	for {
		t := sc.Scan()
		switch t.Type {
		case token.LBRACE, token.LBRACK:
			depth++
		case token.RBRACE, token.RBRACK:
			depth--
		case token.EOF:
			if last == token.ASSIGN {
				return errors.New("the text ends after =, where a value is expected")
			}
			return nil
		}
		if depth > maxDepth {
			return errDepth
		}
		if t.Type != token.COMMENT {
			last = t.Type
		}
	}
}

func hclFields(n ast.Node) ([]field, error) {
	items, ok := n.(*ast.ObjectList)
	if !ok {
		return nil, fmt.Errorf("unexpected %T", n)
	}
	var fields []field
	for _, item := range items.Items {
		f, err := hclField(item)
		if err != nil {
			return nil, err
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// hclField makes objects of the keys of an item, so that a "b" { … } is the same as a = { b = { … } }.
func hclField(item *ast.ObjectItem) (field, error) {
	val, err := hclValue(item.Val)
	if err != nil {
		return field{}, err
	}
	var f field
	for _, key := range slices.Backward(item.Keys) {
		name, err := hclText(key.Token)
		if err != nil {
			return field{}, err
		}
		f = field{name: name, line: key.Token.Pos.Line, val: val}
		val = value{kind: object, fields: []field{f}}
	}
	return f, nil
}

func hclValue(n ast.Node) (value, error) {
	switch n := n.(type) {
	case *ast.LiteralType:
		if n.Token.Type != token.STRING {
			return value{}, nil
		}
		s, err := hclText(n.Token)
		return value{kind: text, text: s}, err
	case *ast.ObjectType:
		fields, err := hclFields(n.List)
		return value{kind: object, fields: fields}, err
	case *ast.ListType:
		v := value{kind: list}
		for _, elem := range n.List {
			e, err := hclValue(elem)
			if err != nil {
				return value{}, err
			}
			v.list = append(v.list, e)
		}
		return v, nil
	}
	return value{}, fmt.Errorf("unexpected %T", n)
}

// hclText is the token's own Value without its panics.
func hclText(t token.Token) (string, error) {
	if t.Type != token.STRING {
		return t.Text, nil
	}
	s, err := hclstrconv.Unquote(t.Text)
	if err != nil {
		return "", fmt.Errorf("at line %d: bad string %.80s: %w", t.Pos.Line, t.Text, err)
	}
	return s, nil
}
