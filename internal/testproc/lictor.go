package testproc

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
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

// handedOut holds the ports that this process has got: a test may take one up much later than it asked for it.
var handedOut sync.Map

// FreePorts finds n ports of the loopback interface that nobody listens on, with TCP or UDP, below those that the system hands out to
// clients. None is handed out twice.
func FreePorts(t testing.TB, n int) (ports []int) {
	t.Helper()
	for tries := 0; len(ports) < n; tries++ {
		if tries == 200+n {
			t.Fatal("no free ports found")
		}
		port := 10000 + rand.IntN(20000)
		address := fmt.Sprintf("127.0.0.1:%d", port)
		stream, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		stream.Close()
		packets, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		packets.Close()
		if _, taken := handedOut.LoadOrStore(port, true); taken {
			continue
		}
		ports = append(ports, port)
	}
	return ports
}

// FreePort finds one port, as FreePorts does.
func FreePort(t testing.TB) int {
	t.Helper()
	return FreePorts(t, 1)[0]
}
