package house

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the import path of the repository's root.
const module = "github.com/lictor-dr/lictor"

// source is one Go file.
type source struct {
	path  string // from the root, with slashes
	lines int
	file  *ast.File
	fset  *token.FileSet
}

// dir is the package's directory from the root; "." for the root itself.
func (s source) dir() string { return path.Dir(s.path) }

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// at describes a place in the file.
func (s source) at(pos token.Pos) string {
	return fmt.Sprintf("%s:%d", s.path, s.fset.Position(pos).Line)
}

// imports are the file's import paths.
func (s source) imports() []string {
	var paths []string
	for _, spec := range s.file.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// load parses every Go file that the go command would see, whatever its build constraints.
func load(t *testing.T, root fs.FS) []source {
	t.Helper()
	var tree []source
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if name != "." && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata") {
				return fs.SkipDir
			}
			return nil
		case path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		tree = append(tree, source{name, bytes.Count(text, []byte("\n")), file, fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// directories returns every package directory of the tree, sorted.
func directories(tree []source) []string {
	var dirs []string
	for _, s := range tree {
		dirs = append(dirs, s.dir())
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// rule returns what is wrong with a tree, one complaint a fault, each with what to do about it.
type rule func([]source) []string

// rules are all that the repository is held to.
var rules = map[string]rule{
	"layers":             layerFaults,
	"table of layers":    tableFaults,
	"consul":             consulFaults,
	"file length":        lengthFaults,
	"package comments":   docFaults,
	"package names":      nameFaults,
	"sleeping tests":     sleepFaults,
	"exported and plain": exportFaults,
}

func TestRepository(t *testing.T) {
	tree := load(t, os.DirFS("../.."))
	if len(tree) < 3 || !slices.Contains(directories(tree), "internal/house") {
		t.Fatalf("found %d files: this is not the repository's root", len(tree))
	}
	for name, r := range rules {
		t.Run(name, func(t *testing.T) {
			for _, fault := range r(tree) {
				t.Error(fault)
			}
		})
	}
}
