package snapshotconfig

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

//lint:file-ignore ST1005 some texts are Consul's own, capitals included.

// Flags is a command line. It may be loaded more than once; Load leaves it as it is.
type Flags struct {
	paths []configPath
	set   values
}

// configPath is what one -config-file or -config-dir names.
type configPath struct {
	path string
	dir  bool
}

// A Group is the flags under one heading of the command's help text. Flags that are set end up in the Flags they came from.
type Group struct {
	Title string
	Flags *flag.FlagSet
}

// NewFlags returns a command line without flags, to be filled through Describe.
func NewFlags() *Flags { return &Flags{set: values{}} }

// ParseFlags reads the arguments of the command, without its name. Help asked for with -h or -help is the error flag.ErrHelp. Nothing is
// printed.
func ParseFlags(args []string) (*Flags, error) {
	f := NewFlags()
	all := emptySet()
	for _, g := range f.Describe() {
		g.Flags.VisitAll(func(fl *flag.Flag) { all.Var(fl.Value, fl.Name, fl.Usage) })
	}
	if err := all.Parse(args); err != nil {
		return nil, err
	}
	if n := all.NArg(); n > 0 {
		return nil, fmt.Errorf("Too many arguments (expected 0, got %d)", n)
	}
	return f, nil
}

// Describe returns all flags, by the headings of the help text and in their order. Names of arguments are in back quotes, as the flag
// package has them.
func (f *Flags) Describe() []Group {
	files := emptySet()
	files.Func("config-file", "A configuration `file` in JSON or HCL; its name must end in .json or .hcl. Can be given multiple times.",
		f.addPath(false))
	files.Func("config-dir", "A `directory` of which the files ending in .json or .hcl are read, in the order of their names, "+
		"without sub-directories. Can be given multiple times.", f.addPath(true))
	described := []Group{{"Configuration Files", files}}
	for _, g := range groups {
		set := emptySet()
		for i := range g.keys {
			if k := &g.keys[i]; k.flag != "" {
				set.Var(&keyFlag{k, f}, k.flag, k.help())
			}
		}
		if hasFlags(set) {
			described = append(described, Group{g.title, set})
		}
	}
	return described
}

func hasFlags(set *flag.FlagSet) (any bool) {
	set.VisitAll(func(*flag.Flag) { any = true })
	return any
}

func emptySet() *flag.FlagSet {
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return fs
}

func (f *Flags) addPath(dir bool) func(string) error {
	return func(path string) error {
		f.paths = append(f.paths, configPath{path, dir})
		return nil
	}
}

// help is the flag's usage with what the table knows beside it.
func (k *key) help() string {
	text := k.usage
	switch {
	case text != "":
	case k.fate == refused:
		text = "Refused: " + k.why + "."
	default:
		text = "Has no effect: " + k.why + "."
	}
	if k.env != "" {
		text += " Environment: " + k.env + "."
	}
	if k.def != nil && k.fate == served {
		text += fmt.Sprintf(" The default is %s.", k.shown())
	}
	return text + " Key: " + k.path + "."
}

// shown is a default as an operator writes it.
func (k *key) shown() string {
	if d, ok := k.def.(time.Duration); ok {
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	if k.def == "." {
		return "the current one"
	}
	if k.kind == kindPercent {
		return fmt.Sprintf("%d%%", k.def)
	}
	return fmt.Sprint(k.def)
}

// keyFlag is a flag.Value that sets a key.
type keyFlag struct {
	key   *key
	flags *Flags
}

// String shows nothing: the value may be a secret.
func (*keyFlag) String() string { return "" }

// IsBoolFlag tells the flag package that no value needs to follow.
func (k *keyFlag) IsBoolFlag() bool { return k.key != nil && k.key.kind == kindBool }

// Set takes one value from the command line.
func (k *keyFlag) Set(text string) error {
	v, err := k.key.parse(text)
	if err != nil {
		return err
	}
	earlier := k.flags.set[k.key.path].v
	if list, ok := v.([]string); ok { // a flag that is given again adds to the list
		before, _ := earlier.([]string)
		v = slices.Concat(before, list)
	}
	k.flags.set[k.key.path] = value{v: together(earlier, v), from: "-" + k.key.flag}
	return nil
}

// together returns what a later value makes of an earlier one: maps are merged, all else is replaced.
func together(earlier, later any) any {
	first, ok := earlier.(map[string]string)
	second, also := later.(map[string]string)
	if !ok || !also {
		return later
	}
	merged := maps.Clone(first)
	maps.Copy(merged, second)
	return merged
}
