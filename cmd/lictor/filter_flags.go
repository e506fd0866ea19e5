package main

import (
	"flag"

	"github.com/lictor-dr/lictor/internal/diff"
)

// filterFlags say which objects of a state are meant.
type filterFlags struct {
	only, prefixes []string
}

// define has the command's verb say what is done with them, and where if that is not obvious.
func (f *filterFlags) define(fs *flag.FlagSet, verb, where string) {
	fs.Func("only", verb+" only what this `list` names, as KIND:NAME,KIND:NAME"+where+". Can be given multiple times.",
		func(list string) error { f.only = append(f.only, list); return nil })
	fs.Func("prefix", verb+" only keys that begin with this `text`, and what -only names. Can be given multiple times.",
		func(text string) error { f.prefixes = append(f.prefixes, text); return nil })
}

// given tells whether anything is named.
func (f *filterFlags) given() bool { return len(f.only)+len(f.prefixes) > 0 }

// filter is what they name; nothing stands for everything.
func (f *filterFlags) filter() (*diff.Filter, error) { return diff.ParseFilter(f.only, f.prefixes) }
