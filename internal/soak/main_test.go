//go:build heavy && unix

package soak

import (
	"fmt"
	"os"
	"testing"

	"github.com/lictor-dr/lictor/internal/testproc"
)

func TestMain(m *testing.M) {
	fmt.Printf("LICTOR_SEED=%d, %+v\n", seed, size)
	os.Exit(testproc.WithLictor("LICTOR_SOAK_BINARY", func(binary string) int {
		program = binary
		return m.Run()
	}))
}
