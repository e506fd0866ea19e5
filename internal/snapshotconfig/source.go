package snapshotconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl"
	"github.com/hashicorp/hcl/hcl/parser"
)

// source is the text of one configuration file.
type source struct {
	path string
	data []byte
}

// discover reads the files that flags name, in their order.
func discover(paths []configPath) ([]source, error) {
	var sources []source
	for _, p := range paths {
		read := readNamed
		if p.dir {
			read = readDir
		}
		found, err := read(p.path)
		if err != nil {
			return nil, err
		}
		sources = append(sources, found...)
	}
	return sources, nil
}

// readNamed reads the one file of a -config-file.
func readNamed(path string) ([]source, error) {
	if !hasFormat(path) {
		return nil, fmt.Errorf("-config-file %s: the name of a configuration file must end in .json or .hcl; for a directory use -config-dir",
			path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("-config-file: %w", err)
	}
	return []source{{path, data}}, nil
}

// readDir reads the configuration files of a directory, by name.
func readDir(dir string) ([]source, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("-config-dir: %w", err)
	}
	var sources []source
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if !hasFormat(path) {
			continue
		}
		info, err := os.Stat(path) // follows symbolic links
		if err != nil {
			return nil, fmt.Errorf("-config-dir: %w", err)
		}
		if info.IsDir() {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("-config-dir: %w", err)
		}
		sources = append(sources, source{path, data})
	}
	return sources, nil
}

func hasFormat(path string) bool { return isHCL(path) || filepath.Ext(path) == ".json" }

func isHCL(path string) bool { return filepath.Ext(path) == ".hcl" }

// parse reads the text into a tree. An empty file is an empty tree. Errors tell where the text is wrong and none of the text itself,
// which may be a secret.
func (s source) parse() (map[string]any, error) {
	if len(bytes.TrimSpace(s.data)) == 0 {
		return nil, nil
	}
	if isHCL(s.path) {
		return s.parseHCL()
	}
	var raw map[string]any
	err := json.Unmarshal(s.data, &raw)
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return nil, fmt.Errorf("failed to parse %s: not JSON at line %d: %w", s.path, s.line(syntax.Offset), err)
	case errors.As(err, &mismatch):
		return nil, fmt.Errorf("failed to parse %s: the file must hold an object", s.path)
	case err != nil:
		return nil, fmt.Errorf("failed to parse %s: %w", s.path, err)
	}
	return raw, nil
}

// line returns the number of the line that an offset is in.
func (s source) line(offset int64) int {
	return 1 + bytes.Count(s.data[:min(offset, int64(len(s.data)))], []byte("\n"))
}

// parseHCL reads HCL. The library panics on some malformed input; that is an error here.
func (s source) parseHCL() (raw map[string]any, err error) {
	defer func() {
		if p := recover(); p != nil {
			raw, err = nil, fmt.Errorf("failed to parse %s: malformed HCL", s.path)
		}
	}()
	err = hcl.Decode(&raw, string(s.data))
	var at *parser.PosError
	switch {
	case errors.As(err, &at):
		return nil, fmt.Errorf("failed to parse %s: malformed HCL at line %d, column %d (texts stand in double quotes)",
			s.path, at.Pos.Line, at.Pos.Column)
	case err != nil:
		return nil, fmt.Errorf("failed to parse %s: malformed HCL", s.path)
	}
	return raw, nil
}
