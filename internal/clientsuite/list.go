package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
)

// A test is one of the client's, by the name of its function.
type test struct {
	name    string
	waiting bool // it needs a second server
}

type list []test

// readList reads the tests, one name a line, and which of them need a second server.
func readList(path, waitingPath string) (list, error) {
	names, err := readNames(path)
	if err != nil {
		return nil, err
	}
	waiting, err := readNames(waitingPath)
	if err != nil {
		return nil, err
	}
	for _, name := range waiting {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("%s names %s, which %s does not", waitingPath, name, path)
		}
	}
	var l list
	for _, name := range names {
		l = append(l, test{name, slices.Contains(waiting, name)})
	}
	return l, nil
}

func readNames(path string) (names []string, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the list of tests: %w", err)
	}
	for _, field := range bytes.Fields(b) {
		name := string(field)
		if slices.Contains(names, name) {
			return nil, fmt.Errorf("%s names %s twice", path, name)
		}
		names = append(names, name)
	}
	return names, nil
}

func (l list) matching(pattern *regexp.Regexp) list {
	return slices.DeleteFunc(slices.Clone(l), func(t test) bool { return !pattern.MatchString(t.name) })
}
