package main

import (
	"context"
	"os/exec"
)

// A tool is a common command whose time on the same bytes is a limit that everybody knows.
type tool struct {
	measure measure
	needs   string // the program that must be there
	script  string // $0 is the archive, $1 the records in it, bare
	packs   bool   // its output is the records packed
}

var tools = []tool{
	{toolUnpack, "gunzip", `gunzip -c "$0" | sha256sum`, false},
	{toolGzip, "gzip", `exec gzip -6 -c "$1"`, true},
	{toolPigz1, "pigz", `exec pigz -1 -c "$1"`, false},
	{toolPigz6, "pigz", `exec pigz -6 -c "$1"`, false},
}

// tools times those common tools that are installed.
func (c *comparison) tools(ctx context.Context) error {
	for _, tool := range tools {
		if _, err := exec.LookPath(tool.needs); err != nil {
			continue
		}
		for range min(c.runs, 3) {
			took, err := timeCommand(ctx, "sh", "-c", tool.script, c.files.archive, c.files.state)
			if err != nil {
				return err
			}
			c.report.addTool(tool.measure, took.wall.Seconds())
			if tool.packs {
				c.report.addTool(gzipSize, megabytes(took.output))
			}
		}
	}
	return nil
}
