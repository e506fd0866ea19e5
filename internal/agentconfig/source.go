package agentconfig

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl"
)

// Formats of a configuration file.
const (
	formatHCL  = "hcl"
	formatJSON = "json"
)

// source is one piece of configuration text.
type source struct {
	name   string // for messages: a path, or "-hcl" with a number
	format string // formatHCL or formatJSON
	data   []byte
}

// discover reads the files that the -config-file and -config-dir flags name, in their order. A directory yields
// its .hcl and .json files in byte order of the name, without its sub-directories.
// format, when not empty, is the format of every file whatever its name.
func discover(paths []string, format string) ([]source, []string, error) {
	if format != "" && format != formatHCL && format != formatJSON {
		return nil, nil, fmt.Errorf("-config-format must be either 'hcl' or 'json', not %q", format)
	}
	var sources []source
	var warnings []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, warnings, openFailed(path, err)
		}
		if info.IsDir() {
			found, skipped, err := readDir(path, format)
			warnings = append(warnings, skipped...)
			if err != nil {
				return nil, warnings, err
			}
			sources = append(sources, found...)
			continue
		}
		if formatOf(path, format) == "" {
			return nil, warnings, fmt.Errorf("file %s has unknown extension; must be .hcl or .json, or config format must be set", path)
		}
		src, err := readFile(path, format)
		if err != nil {
			return nil, warnings, err
		}
		sources = append(sources, src)
	}
	return sources, warnings, nil
}

// readDir reads the configuration files of a directory. The warnings name the files it leaves out.
func readDir(dir, format string) ([]source, []string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, openFailed(dir, err)
	}
	var sources []source
	var warnings []string
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		info, err := os.Stat(path) // follows symbolic links
		if err != nil {
			return nil, warnings, openFailed(path, err)
		}
		if info.IsDir() {
			continue
		}
		if formatOf(path, format) == "" {
			warnings = append(warnings, fmt.Sprintf("skipping file %s, extension must be .hcl or .json, or config format must be set", path))
			continue
		}
		src, err := readFile(path, format)
		if err != nil {
			return nil, warnings, err
		}
		sources = append(sources, src)
	}
	return sources, warnings, nil
}

func readFile(path, format string) (source, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return source{}, openFailed(path, err)
	}
	return source{name: path, format: formatOf(path, format), data: data}, nil
}

// openFailed words a failure as Consul does, always as a failed open.
func openFailed(path string, err error) error {
	if pe, ok := err.(*os.PathError); ok {
		err = &os.PathError{Op: "open", Path: pe.Path, Err: pe.Err}
	}
	return fmt.Errorf("config: Open failed on %s. %w", path, err)
}

// formatOf tells a file's format: the forced one, else by extension, else "".
func formatOf(path, forced string) string {
	if forced != "" {
		return forced
	}
	switch filepath.Ext(path) {
	case ".hcl":
		return formatHCL
	case ".json":
		return formatJSON
	}
	return ""
}

// parse decodes a source and checks its keys and types. An empty source holds nothing.
func parse(s source) (values, error) {
	if len(s.data) == 0 {
		return values{}, nil
	}
	raw, err := parseRaw(s)
	if err != nil {
		return nil, fmt.Errorf("failed to parse %s: %w", s.name, err)
	}
	v, err := decode(raw, s.format == formatHCL)
	if err != nil {
		return nil, fmt.Errorf("failed to parse %s: %w", s.name, err)
	}
	return v, nil
}

// parseRaw reads the text. The HCL library panics on some malformed input; that is an error here.
func parseRaw(s source) (raw map[string]any, err error) {
	if s.format == formatJSON {
		err = json.Unmarshal(s.data, &raw)
		return raw, err
	}
	defer func() {
		if p := recover(); p != nil {
			raw, err = nil, fmt.Errorf("malformed HCL: %v", p)
		}
	}()
	err = hcl.Decode(&raw, string(s.data))
	return raw, err
}
