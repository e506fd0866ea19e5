//go:build clients && unix

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// lictor is the path of the binary under test; TestMain sets it.
var lictor string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if lictor = os.Getenv("LICTOR_INTEROP_BINARY"); lictor != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "lictor-interop-*")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	lictor = filepath.Join(dir, "lictor")
	build := exec.Command("go", "build", "-o", lictor, "../../cmd/lictor")
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Println("build lictor:", err)
		return 1
	}
	return m.Run()
}
