//go:build unix

package interop

import (
	"os"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/testproc"
)

// lictor is the program under test; TestMain sets it, where a test needs it.
var lictor program

// withClients is set by the build tag.
var withClients bool

func TestMain(m *testing.M) {
	forgetConsul()
	if !withClients && os.Getenv(consulVariable) == "" {
		os.Exit(m.Run())
	}
	os.Exit(testproc.WithLictor("LICTOR_INTEROP_BINARY", func(binary string) int {
		lictor = program{"Lictor", binary}
		return m.Run()
	}))
}

// forgetConsul drops the settings for the caller's own Consul, which clients and servers alike would take for theirs.
func forgetConsul() {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "CONSUL_") {
			os.Unsetenv(name)
		}
	}
}
