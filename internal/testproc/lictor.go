package testproc

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// WithLictor calls use with the path of a lictor binary: the one that the environment variable names, or else one that it builds
// first and removes afterwards. It returns what use returns, the exit code of the tests, and 1 if the build fails.
func WithLictor(variable string, use func(binary string) int) int {
	if binary := os.Getenv(variable); binary != "" {
		return use(binary)
	}
	dir, err := os.MkdirTemp("", "lictor-test-*")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "lictor")
	build := exec.Command("go", "build", "-o", binary, "github.com/lictor-dr/lictor/cmd/lictor")
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Println("build lictor:", err)
		return 1
	}
	return use(binary)
}

// FreePorts finds n ports of the loopback interface, below those that the system hands out to clients.
func FreePorts(t testing.TB, n int) (ports []int) {
	t.Helper()
	for tries := 0; len(ports) < n; tries++ {
		if tries == 200 {
			t.Fatal("no free ports found")
		}
		port := 10000 + rand.IntN(20000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer l.Close() // none is found twice
		ports = append(ports, port)
	}
	return ports
}
