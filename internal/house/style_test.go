package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
)

// maxLines is what no file may exceed. Think of splitting one long before, near 500.
const maxLines = 900

// lengthFaults finds files that are too long.
func lengthFaults(tree []source) []string {
	var faults []string
	for _, s := range tree {
		if s.lines > maxLines {
			faults = append(faults, fmt.Sprintf("%s has %d lines, more than %d: split it by what its parts are for",
				s.path, s.lines, maxLines))
		}
	}
	return faults
}

// docFaults finds packages without a doc.go that has the package comment.
func docFaults(tree []source) []string {
	documented := map[string]bool{}
	for _, s := range tree {
		if path.Base(s.path) == "doc.go" && s.file.Doc.Text() != "" {
			documented[s.dir()] = true
		}
	}
	var faults []string
	for _, dir := range directories(tree) {
		if !documented[dir] {
			faults = append(faults, fmt.Sprintf("%s has no doc.go with a package comment: write what the package is "+
				"for, what it promises and what it refuses", dir))
		}
	}
	return faults
}

// emptyNames are package names that say nothing.
var emptyNames = []string{
	"util", "utils", "common", "types", "helper", "helpers", "manager", "managers", "misc", "miscellaneous",
}

// nameFaults finds packages whose name says nothing.
func nameFaults(tree []source) []string {
	var faults []string
	for _, s := range tree {
		name := strings.TrimSuffix(s.file.Name.Name, "_test")
		if slices.Contains(emptyNames, name) {
			faults = append(faults, fmt.Sprintf("%s is in a package called %s: name it after its one concept", s.path, name))
		}
	}
	return faults
}

// sleepersAllowed are test files that may sleep. It is empty, and stays so.
var sleepersAllowed []string

// sleepFaults finds tests that call time.Sleep, except in a call of synctest.Test, whose time passes at once.
func sleepFaults(tree []source) []string {
	var faults []string
	for _, s := range tree {
		if !s.isTest() || slices.Contains(sleepersAllowed, s.path) {
			continue
		}
		clock, bubble := importName(s, "time"), importName(s, "testing/synctest")
		ast.Inspect(s.file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && bubble != "" {
				if sel, ok := call.Fun.(*ast.SelectorExpr); ok && isName(sel.X, bubble) && sel.Sel.Name == "Test" {
					return false
				}
			}
			if sel, ok := n.(*ast.SelectorExpr); ok && clock != "" && isName(sel.X, clock) && sel.Sel.Name == "Sleep" {
				faults = append(faults, s.at(sel.Pos())+" sleeps: poll for the condition, or give the code a clock")
			}
			return true
		})
	}
	return faults
}

// importName returns the name by which a file knows an import, or nothing if it lacks it.
func importName(s source, importPath string) string {
	for i, p := range s.imports() {
		if p != importPath {
			continue
		}
		if name := s.file.Imports[i].Name; name != nil {
			return name.Name
		}
		return path.Base(importPath)
	}
	return ""
}

func isName(x ast.Expr, name string) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == name
}

// exportFaults finds exported functions, types, constants and variables without a comment. A group's comment
// speaks for its members, and so does one at the end of a line. Methods are left to their authors: many are
// explained by the interface they keep.
func exportFaults(tree []source) []string {
	var faults []string
	for _, s := range tree {
		if s.isTest() {
			continue
		}
		for _, id := range undocumented(s.file) {
			faults = append(faults, fmt.Sprintf("%s: %s is exported and has no comment: say what it promises, or make it unexported",
				s.at(id.Pos()), id.Name))
		}
	}
	return faults
}

// undocumented returns the exported top-level names of a file that no comment explains.
func undocumented(f *ast.File) []*ast.Ident {
	var names []*ast.Ident
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Doc.Text() == "" {
				names = append(names, d.Name)
			}
		case *ast.GenDecl:
			if d.Doc.Text() != "" || d.Tok == token.IMPORT {
				continue
			}
			for _, spec := range d.Specs {
				names = append(names, undocumentedSpec(spec)...)
			}
		}
	}
	return slices.DeleteFunc(names, func(id *ast.Ident) bool { return !id.IsExported() })
}

func undocumentedSpec(spec ast.Spec) []*ast.Ident {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Doc.Text() == "" && s.Comment.Text() == "" {
			return []*ast.Ident{s.Name}
		}
	case *ast.ValueSpec:
		if s.Doc.Text() == "" && s.Comment.Text() == "" {
			return s.Names
		}
	}
	return nil
}
