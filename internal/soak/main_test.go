//go:build heavy && unix

package soak

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	fmt.Printf("LICTOR_SEED=%d, %+v\n", seed, size)
	if program = os.Getenv("LICTOR_SOAK_BINARY"); program != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "lictor-soak-*")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "lictor")
	build := exec.Command("go", "build", "-o", program, "../../cmd/lictor")
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Println("build lictor:", err)
		return 1
	}
	return m.Run()
}
