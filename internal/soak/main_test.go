//go:build heavy && unix

package soak

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/lictor-dr/lictor/internal/testproc"
)

func TestMain(m *testing.M) {
	fmt.Printf("LICTOR_SEED=%d, %+v\n", seed, size)
	_ = flag.Set("test.parallel", "12") // the tests of snapshot agents wait most of the time; a flag that is given wins
	os.Exit(testproc.WithLictor("LICTOR_SOAK_BINARY", func(binary string) int {
		program = binary
		return m.Run()
	}))
}
