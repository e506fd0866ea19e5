package main

import (
	"errors"
	"flag"
	"fmt"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/diff"
	"github.com/lictor-dr/lictor/internal/kvarchive"
	"github.com/lictor-dr/lictor/internal/selective"
)

// selectiveFlags say what is brought back into a living datacenter, and how.
type selectiveFlags struct {
	filterFlags
	single  textList // keys, of a flag that not every command has
	renames []selective.Rename
	delete  bool
	undo    string
	answerFlags
}

// answerFlags are about what is shown and asked.
type answerFlags struct {
	yes   bool
	limit int
}

const usualLimit = 200

func (f *answerFlags) define(fs *flag.FlagSet) {
	fs.BoolVar(&f.yes, "yes", false, "Do not ask. Without it, and without a terminal to ask at, nothing is changed.")
	fs.IntVar(&f.limit, "limit", usualLimit, "How many objects of a kind the plan lists; the others are counted, a `number`. 0 lists all, "+
		"as JSON does.")
}

func (f *answerFlags) check() error {
	if f.limit < 0 {
		return fmt.Errorf("-limit is %d: it must be 0, for no limit, or more", f.limit)
	}
	return nil
}

func (f *selectiveFlags) define(fs *flag.FlagSet) {
	f.filterFlags.define(fs, "Bring back", ", into the datacenter as it is")
	fs.Func("rename", "Bring the keys that begin with OLD/ back with NEW/ in its place, as `OLD/=NEW/`. -only names keys as they are in the "+
		"snapshot. Can be given multiple times; the longest OLD/ counts.",
		func(text string) error {
			r, err := selective.ParseRename(text)
			f.renames = append(f.renames, r)
			return err
		})
	fs.BoolVar(&f.delete, "delete", false, "Remove what -only and -prefix name and the snapshot has not. Without it that is left alone.")
	fs.StringVar(&f.undo, "undo", "", "The `file` for what was there before, which snapshot undo plays back. The default is beside the "+
		"snapshot, or with a store or standard input in the working directory: NAME.DATACENTER.undo. It holds what it was in plain.")
	f.answerFlags.define(fs)
}

// given tells whether this is a selective restore.
func (f *selectiveFlags) given() bool { return f.filterFlags.given() || len(f.single) > 0 }

// checkWhole refuses what means nothing for a restore of the whole.
func (f *selectiveFlags) checkWhole() error {
	name := ""
	switch {
	case len(f.renames) > 0:
		name = "-rename"
	case f.delete:
		name = "-delete"
	case f.undo != "":
		name = "-undo"
	case f.yes:
		name = "-yes"
	case f.limit != usualLimit:
		name = "-limit"
	default:
		return nil
	}
	return fmt.Errorf("%s is for bringing back a part of the snapshot: name that with -only or -prefix", name)
}

// run is a selective restore as the flags have it. What comes out of an archive of consul-snapshot need not be named: it is a part already.
func (f *selectiveFlags) run(p *program, config *api.Config, old *kvarchive.Archive, undoBase string) (*selectiveRun, error) {
	if err := f.answerFlags.check(); err != nil {
		return nil, err
	}
	filter, err := f.filter()
	all := old != nil && !f.given()
	if all {
		filter, err = f.allOf(old)
	}
	if err != nil {
		return nil, err
	}
	for _, key := range f.single {
		filter.AddKey(key)
	}
	if len(filter.Terms()) == 0 {
		return nil, errors.New("-only names nothing")
	}
	return &selectiveRun{
		program: p, config: config, filter: filter, all: all, renames: f.renames, delete: f.delete, yes: f.yes, limit: f.limit, undoFile: f.undo,
		undoBase: undoBase,
	}, nil
}

// allOf names all that an archive of consul-snapshot has documents for.
func (f *selectiveFlags) allOf(old *kvarchive.Archive) (*diff.Filter, error) {
	if f.delete {
		return nil, errors.New("-delete removes what -only and -prefix name and the archive has not, and they name nothing: an archive of " +
			"consul-snapshot may lack what there was")
	}
	var kinds []string
	if old.Holds(kvarchive.Keys) {
		kinds = append(kinds, "kv:")
	}
	if old.Holds(kvarchive.Queries) {
		kinds = append(kinds, "query:")
	}
	if old.Holds(kvarchive.LegacyACLs) || old.Holds(kvarchive.ACLs) {
		kinds = append(kinds, "acl-policy:", "acl-role:", "acl-token:")
	}
	if len(kinds) == 0 {
		return nil, errors.New("the archive holds nothing")
	}
	return diff.ParseFilter(kinds, nil)
}
