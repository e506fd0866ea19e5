//go:build heavy && linux

package chaos

import (
	"fmt"
	"os"
	"testing"

	"github.com/lictor-dr/lictor/internal/testproc"
)

func TestMain(m *testing.M) {
	fmt.Printf("LICTOR_SEED=%d, %v of load for each test\n", seed, spell)
	os.Exit(testproc.WithLictor("LICTOR_CHAOS_BINARY", func(binary string) int {
		program = binary
		return m.Run()
	}))
}
