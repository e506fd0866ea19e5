package demo

import (
	"context"
	"fmt"
	"os"
)

// saveFrom saves a snapshot from a server. It returns what the command said about it, on standard output and on standard error.
func (d *demo) saveFrom(ctx context.Context, p *process, name string, flags ...string) (said, notes string, err error) {
	said, notes, err = d.invoke(ctx, append([]string{"snapshot", "save", "-http-addr=" + p.addr}, append(flags, d.path(name))...)...)
	if err != nil {
		return "", "", err
	}
	info, err := os.Stat(d.path(name))
	if err != nil {
		return "", "", err
	}
	return fmt.Sprintf("%s: %d bytes, mode %04o", said, info.Size(), info.Mode().Perm()), notes, nil
}

// restoreInto restores the archive through a server.
func (d *demo) restoreInto(ctx context.Context, p *process) (string, error) {
	said, _, err := d.invoke(ctx, "snapshot", "restore", "-http-addr="+p.addr, d.archive())
	return said, err
}
