package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/inspect"
	"github.com/lictor-dr/lictor/internal/kvarchive"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/recordjson"
)

// snapshotDecode prints every record of a snapshot, without a server.
type snapshotDecode struct {
	*program
	keyFlags
}

func newSnapshotDecode(p *program) cli.Command {
	c := &snapshotDecode{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Decodes a snapshot file to JSON lines",
			usage:    "snapshot decode [options] FILE",
			about: `
Verifies a snapshot file and prints what is in it, one JSON object a line:
first the metadata with the type SnapshotHeader, then every record in the
order of the file. Durations without a unit are nanoseconds, bytes are base64.

Secrets are printed in clear: tokens, private keys, values.

No server is needed. FILE may also be the state.bin in a server's data
directory, with its meta.json beside it, or "-" for standard input. A file
that is encrypted is decrypted to a private temporary file first, whatever its
name. An archive of consul-snapshot is decoded as the records that a snapshot
would have of what it holds; a legacy ACL is a token with a policy then.`,
			examples: `
    $ {program} snapshot decode backup.snap
    $ {program} snapshot decode -identity=key.txt backup.snap.age

The names of all keys:

    $ {program} snapshot decode backup.snap |
        jq -r 'select(.Type == "KVS").Data.Key'`,
			status: []exitStatus{
				{0, "every record was printed"},
				{1, "wrong arguments, or the file cannot be read or is damaged"},
			},
		},
		groups:  []optionGroup{options("Decryption Options", c.keyFlags.defineOld)},
		execute: c.run,
	}
}

func (c *snapshotDecode) run(args []string) int {
	if err := oneFile(args); err != nil {
		return c.fail("%s", err)
	}
	file, err := c.openArchive(context.Background(), c.program, args[0])
	var badMeta *archive.RawMetaError
	var sealed *sealedError
	switch {
	case errors.As(err, &sealed):
		return c.fail("Error decrypting snapshot: %s", sealed)
	case errors.As(err, &badMeta):
		return c.fail("Error %s", badMeta)
	case errors.Is(err, kvarchive.ErrCorrupt), errors.Is(err, kvarchive.ErrNothingSaved):
		return c.fail("Error reading snapshot: %s", err)
	case err != nil:
		return c.fail("Error opening snapshot file: %s", err)
	}
	defer file.close()
	decode, err := decoder(file) // nothing is printed of an archive that is not sound
	if err != nil {
		return c.fail("Error reading snapshot: %s", err)
	}
	out := bufio.NewWriterSize(c.out, 64<<10)
	err = decode(out)
	if flushErr := out.Flush(); flushErr != nil {
		return 0 // whoever runs the command sees that its output failed
	}
	var badRecords *archive.StateError
	switch {
	case errors.As(err, &badRecords):
		return c.fail("Error extracting snapshot data: %s", inspect.Explain(badRecords))
	case err != nil:
		return c.fail("Error reading snapshot: %s", err)
	}
	return 0
}

// decoder verifies a file, and returns what prints the metadata and all records. That ends at the first failure of the output.
func decoder(file *openedFile) (func(io.Writer) error, error) {
	if file.old != nil {
		_, err := file.old.Verify(context.Background())
		return func(out io.Writer) error { return decode(out, headOf(file.old), file.old.Source(context.Background())) }, err
	}
	verified, err := file.read(nil)
	if err != nil {
		return nil, err
	}
	return func(out io.Writer) error {
		return decode(out, &verified.Meta, func(visit func(record.Raw) error) error {
			_, err := file.read(func(_ *archive.Meta, state io.Reader) error { return digest.Walk(state, visit) })
			return err
		})
	}, nil
}

// decode prints the metadata and all records.
func decode(out io.Writer, head any, records digest.Source) error {
	meta, err := json.Marshal(head)
	if err != nil {
		return err
	}
	if err := writeLine(out, meta, "SnapshotHeader"); err != nil {
		return err
	}
	var data []byte
	return records(func(raw record.Raw) (err error) {
		if data, err = recordjson.Append(data[:0], raw); err != nil {
			return err
		}
		return writeLine(out, data, raw.Type.String())
	})
}

func writeLine(out io.Writer, data []byte, name string) error {
	_, err := fmt.Fprintf(out, "{\"Data\":%s,\"Type\":%q}\n", data, name)
	return err
}
