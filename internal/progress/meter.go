package progress

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// A Meter shows jobs. The nil Meter shows nothing.
type Meter struct{ terminal io.Writer }

// New returns a Meter for the stream w, nil if w is not a terminal.
func New(w io.Writer) *Meter {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &Meter{terminal: f}
	}
	return nil
}

// Start shows a job of total bytes; less than 0 says that the number is not known. The bytes that are written to the result are
// counted, and never fail; Close ends the job and wipes its line.
func (m *Meter) Start(what string, total int64) io.WriteCloser {
	if m == nil {
		return nothing{}
	}
	return &job{progressbar.NewOptions64(max(total, -1),
		progressbar.OptionSetWriter(m.terminal),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(true),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionShowTotalBytes(total >= 0),
		progressbar.OptionShowCount(),
		progressbar.OptionSetSpinnerChangeInterval(0), // its goroutine would outlive the job
		progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetRenderBlankState(true),
	)}
}

type job struct{ bar *progressbar.ProgressBar }

// Write counts p.
func (j *job) Write(p []byte) (int, error) {
	_ = j.bar.Add64(int64(len(p)))
	return len(p), nil
}

// Close wipes the line.
func (j *job) Close() error {
	_ = j.bar.Clear()
	_ = j.bar.Exit()
	return nil
}

// nothing is a job that nobody sees.
type nothing struct{}

func (nothing) Write(p []byte) (int, error) { return len(p), nil }
func (nothing) Close() error                { return nil }
