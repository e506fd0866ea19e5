//go:build heavy && unix

package tlsmatrix

import (
	"flag"
	"os"
	"testing"

	"github.com/lictor-dr/lictor/internal/testproc"
)

// program is the path of the binary under test.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil { // they wait most of the time
		panic(err)
	}
	os.Exit(testproc.WithLictor("LICTOR_TLS_BINARY", func(binary string) int {
		program = binary
		return m.Run()
	}))
}
