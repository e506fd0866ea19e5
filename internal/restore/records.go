package restore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/record"
)

// errChangedSince says that what was sent cannot be read again.
var errChangedSince = errors.New("the file has changed since it was sent, so that there is nothing to compare with")

// Records are those that are sent. They can be read as often as is wanted, until ctx is done. Its end is an error if they are not what was
// checked.
func (p *Plan) Records(ctx context.Context) digest.Source {
	return func(visit func(record.Raw) error) error {
		r, stop, err := p.open()
		if err != nil {
			return err
		}
		defer stop()
		sum := sha256.New()
		if err := walkArchive(ctx, io.TeeReader(r, sum), visit); err != nil {
			return err
		}
		if !bytes.Equal(sum.Sum(nil), p.Report.SHA256[:]) {
			return errChangedSince
		}
		return nil
	}
}
