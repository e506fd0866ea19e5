package walkthrough

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const small = `# Title

~~~console
$ not run, before the first section
~~~

## 1. First

<!-- walk: destroy s2 -->
<!-- walk: write a.hcl on s1 s2 -->
~~~hcl
a = 1

b = 2
~~~

~~~console
s1$ lictor a \
  | sort
one

two
admin$ lictor b
~~~

~~~console
s1$ lictor c
~~~

~~~
anything
~~~

## Appendix

## 2. Second

~~~console
s2$ lictor d
~~~
`

func TestParse(t *testing.T) {
	sections, err := parse(strings.ReplaceAll(small, "~~~", "```"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, s := range sections {
		fmt.Fprintf(&b, "%s (%s)\n", s.title, s.number())
		for _, st := range s.steps {
			fmt.Fprintf(&b, "%d %q %q %q\n", st.line, st.host, st.command, st.output)
		}
	}
	const want = `1. First (1)
9 "" "destroy s2" []
10 "" "write a.hcl on s1 s2" ["a = 1" "" "b = 2"]
18 "s1" "lictor a \\\n  | sort" ["one" "" "two"]
23 "admin" "lictor b" []
27 "s1" "lictor c" []
2. Second (2)
39 "s2" "lictor d" []
`
	if b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
}

func TestDocumentsThatAreNotRun(t *testing.T) {
	for name, text := range map[string]string{
		"commands without prompts":      "## 1. A\n~~~sh\nls\n~~~\n",
		"output first":                  "## 1. A\n~~~console\nls\n~~~\n",
		"open block":                    "## 1. A\n~~~console\ns1$ ls\n",
		"directive without a block":     "## 1. A\n<!-- walk: write a on s1 -->\n",
		"two directives for a block":    "## 1. A\n<!-- walk: write a on s1 -->\n<!-- walk: write b on s1 -->\n~~~\n~~~\n",
		"directive outside of sections": "<!-- walk: destroy s1 -->\n",
	} {
		t.Run(name, func(t *testing.T) {
			if sections, err := parse(strings.ReplaceAll(text, "~~~", "```")); err == nil {
				t.Errorf("taken: %v", sections)
			}
		})
	}
}

// The documents themselves can be walked through; doing so takes the build tag heavy.
func TestDocumentsCanBeParsed(t *testing.T) {
	for document, least := range map[string]int{"operations.md": 6, "migrating-from-consul-snapshot.md": 4} {
		t.Run(document, func(t *testing.T) { checkDocument(t, document, least) })
	}
}

func checkDocument(t *testing.T, document string, least int) {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + document)
	if err != nil {
		t.Fatal(err)
	}
	sections, err := parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sections {
		if !strings.Contains(string(text), "["+s.title+"](#") {
			t.Errorf("the table at the top does not lead to %q", s.title)
		}
		commands := 0
		for _, st := range s.steps {
			if st.host != "" {
				commands++
			}
		}
		if commands == 0 {
			t.Errorf("section %q has no command", s.title)
		}
	}
	if len(sections) < least {
		t.Errorf("%d sections", len(sections))
	}
}
