package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A standing is what is expected of a test.
type standing string

const (
	required standing = "required" // of api-suite.txt
	leftOut  standing = "left out" // of api-suite.txt, but it cannot pass over a follower
	passes   standing = "passes"   // of the rest
	open     standing = "open"     // of the rest: Lictor ought to serve what it needs, and does not
	outside  standing = "outside"  // of the rest: it needs what Lictor does not mean to serve
	unlisted standing = "unlisted" // in no list
)

// counts tells whether a test of this standing must pass.
func (s standing) counts() bool { return s == required || s == passes || s == unlisted }

// A test is one of the client's, by the name of its function.
type test struct {
	name string
	standing
	note string // why it is not expected to pass
}

// readTests merges the lists in a folder: those that must pass first, then the rest. With follower, some of the first are left out.
func readTests(dir string, follower bool) ([]test, error) {
	all, err := readList(filepath.Join(dir, "api-suite.txt"), plain(required))
	if err != nil {
		return nil, err
	}
	if follower {
		if err := leaveOut(dir, all); err != nil {
			return nil, err
		}
	}
	rest, err := readList(filepath.Join(dir, "api-suite-rest.txt"), annotated)
	if err != nil {
		return nil, err
	}
	for _, t := range rest {
		if find(all, t.name) >= 0 {
			return nil, fmt.Errorf("api-suite-rest.txt names %s, which api-suite.txt does too", t.name)
		}
	}
	return append(all, rest...), nil
}

// leaveOut marks the tests that cannot pass over a follower.
func leaveOut(dir string, all []test) error {
	out, err := readList(filepath.Join(dir, "api-suite-follower.txt"), reasoned)
	if err != nil {
		return err
	}
	for _, x := range out {
		i := find(all, x.name)
		if i < 0 {
			return fmt.Errorf("api-suite-follower.txt names %s, which api-suite.txt does not", x.name)
		}
		all[i].standing, all[i].note = leftOut, x.note
	}
	return nil
}

// reasoned reads lines of a name and why it is left out.
func reasoned(line string) (test, error) {
	name, why, ok := strings.Cut(line, " ")
	if !ok || !strings.HasPrefix(name, "Test") {
		return test{}, fmt.Errorf("%q is not the name of a test, and why it is left out", line)
	}
	return test{name: name, standing: leftOut, note: strings.TrimSpace(why)}, nil
}

func find(tests []test, name string) int {
	return slices.IndexFunc(tests, func(t test) bool { return t.name == name })
}

// readList reads a test from every line that is not empty and does not begin with #.
func readList(path string, parse func(line string) (test, error)) ([]test, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read a list of tests: %w", err)
	}
	defer f.Close()
	var all []test
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		t, err := parse(line)
		if err == nil && find(all, t.name) >= 0 {
			err = fmt.Errorf("%s stands there twice", t.name)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		all = append(all, t)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return all, nil
}

// plain reads lines of a name alone.
func plain(s standing) func(string) (test, error) {
	return func(line string) (test, error) {
		if !strings.HasPrefix(line, "Test") || strings.ContainsAny(line, " \t") {
			return test{}, fmt.Errorf("%q is not the name of a test", line)
		}
		return test{name: line, standing: s}, nil
	}
}

// annotated reads lines of the rest: NAME passes, NAME open WHY, or NAME outside WHY.
func annotated(line string) (test, error) {
	name, what, _ := strings.Cut(line, " ")
	word, note, _ := strings.Cut(strings.TrimSpace(what), " ")
	t, err := plain(standing(word))(name)
	t.note = strings.TrimSpace(note)
	switch {
	case err != nil:
		return test{}, err
	case t.standing == passes && t.note == "":
	case (t.standing == open || t.standing == outside) && t.note != "":
	default:
		return test{}, fmt.Errorf("%q is not understood: say NAME passes, NAME open WHY or NAME outside WHY", line)
	}
	return t, nil
}
