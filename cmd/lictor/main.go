package main

import (
	"os"

	"github.com/lictor-dr/lictor/internal/drill"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == drill.ChildArgument {
		os.Exit(drill.Main(os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr))
}
