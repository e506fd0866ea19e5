package main

import "flag"

// formatFlag chooses between text for people and JSON for programs.
type formatFlag struct {
	format string
}

func (f *formatFlag) define(fs *flag.FlagSet) {
	fs.StringVar(&f.format, "format", "pretty", "The output `format`: pretty or json.")
}

func (f *formatFlag) json() bool { return f.format == "json" }

// known reports a format that does not exist.
func (f *formatFlag) known(p *program) bool {
	if f.format == "pretty" || f.json() {
		return true
	}
	p.fail("Unknown format: %s", f.format)
	return false
}
