package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lictor-dr/lictor/internal/drill"
	"github.com/lictor-dr/lictor/internal/testproc"
	"github.com/lictor-dr/lictor/internal/tlstest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == drill.ChildArgument {
		os.Exit(drill.Main(os.Stdin, os.Stdout, os.Stderr)) // this is the child process of a drill
	}
	testscript.Main(m, map[string]func(){"lictor": main, "consul": main, consulSnapshotName: main})
}

func TestScripts(t *testing.T) {
	vars := scriptVars(t)
	testscript.Run(t, testscript.Params{Dir: "testdata", UpdateScripts: *update, Setup: func(env *testscript.Env) error {
		env.Vars = append(env.Vars, vars...)
		return nil
	}})
}

// scriptVars are variables for scripts that start an agent with TLS: ports, and the files of certificates.
func scriptVars(t *testing.T) (vars []string) {
	for i, port := range testproc.FreePorts(t, 7) {
		vars = append(vars, fmt.Sprintf("PORT%d=%d", i+1, port))
	}
	ca, other := tlstest.NewCA(t), tlstest.NewCA(t)
	server := ca.Issue(t, tlstest.Options{DNSNames: []string{"server.test"}})
	for name, c := range map[string]*tlstest.Certificate{
		"SERVER": server, "CLIENT": ca.Issue(t, tlstest.Options{}), "STRANGER": other.Issue(t, tlstest.Options{}),
	} {
		vars = append(vars, name+"_CERT="+c.CertFile, name+"_KEY="+c.KeyFile)
	}
	fixtures, err := filepath.Abs("../../testdata/consul-snapshot-0.3.1")
	if err != nil {
		t.Fatal(err)
	}
	return append(vars, "CA="+ca.File, "OTHER_CA="+other.File, "FIXTURES="+fixtures)
}

// result is what one command line leaves behind.
type result struct {
	code     int
	out, err string
}

// lictor runs a command line with nothing on standard input.
func lictor(args ...string) result { return lictorReading("", args...) }

func lictorReading(stdin string, args ...string) result {
	var out, err bytes.Buffer
	code := run(append([]string{"lictor"}, args...), strings.NewReader(stdin), &out, &err)
	return result{code, out.String(), err.String()}
}

// check compares a result as a whole.
func check(t *testing.T, got, want result) {
	t.Helper()
	if got != want {
		t.Errorf("got  exit %d\nstdout %q\nstderr %q\nwant exit %d\nstdout %q\nstderr %q",
			got.code, got.out, got.err, want.code, want.out, want.err)
	}
}

func ok(out string) result     { return result{0, out + "\n", ""} }
func failed(err string) result { return result{1, "", err + "\n"} }
func words(line string) []string {
	return strings.Fields(line)
}

func TestHelp(t *testing.T) {
	for name := range commands {
		t.Run(name, func(t *testing.T) {
			got := lictor(append(words(name), "-h")...)
			if got.code != 0 || got.err != "" {
				t.Fatalf("exit %d, stderr %q", got.code, got.err)
			}
			goldenText(t, filepath.Join("testdata", "help", strings.ReplaceAll(name, " ", "_")+".txt"), got.out)
			checkHelpText(t, name, got.out)

			var out bytes.Buffer
			run(append([]string{"/usr/bin/consul"}, append(words(name), "--help")...), nil, &out, os.Stderr)
			if want := strings.ReplaceAll(got.out, "lictor ", "consul "); out.String() != want {
				t.Errorf("called as consul, the help is not the same but for the name:\n%s", out.String())
			}
		})
	}
}

func checkHelpText(t *testing.T, name, help string) {
	t.Helper()
	if !strings.HasPrefix(help, "Usage: lictor "+name) {
		t.Error("help does not begin with the usage")
	}
	if !strings.Contains(help, "\nEXIT STATUS\n\n  0  ") {
		t.Error("help lacks the exit codes")
	}
	if !strings.Contains(help, "\n      $ lictor ") {
		t.Error("help lacks an example")
	}
	if strings.Contains(help, "{program}") {
		t.Error("help holds a placeholder")
	}
	for _, line := range strings.Split(help, "\n") {
		if len(line) > 80 {
			t.Errorf("line of %d columns: %s", len(line), line)
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("trailing space: %q", line)
		}
	}
}

func goldenText(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s (go test -update rewrites it):\n%s", file, got)
	}
}

func TestCalledAs(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"plain", []string{"lictor"}, "lictor"},
		{"path", []string{"/opt/bin/lictor", "kv"}, "lictor"},
		{"link", []string{"/usr/local/bin/consul"}, "consul"},
		{"windows", []string{"consul.exe"}, "consul"},
		{"another link", []string{"/usr/local/bin/consul-snapshot", "backup"}, "consul-snapshot"},
		{"renamed", []string{"lictor-0.1.0"}, "lictor"},
		{"no arguments at all", nil, "lictor"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := calledAs(tt.args); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if code := run(nil, nil, new(bytes.Buffer), new(bytes.Buffer)); code != 127 {
		t.Errorf("run without arguments: exit %d", code)
	}
}

// fullDisk fails every write.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestResultThatCannotBeWritten(t *testing.T) {
	f := newFake(t)
	f.set(fakePair{Key: "a", Value: []byte("1")})
	f.members = `[{"Name":"s1","Addr":"10.0.0.1","Port":8301,"Status":1}]`
	f.self = `{"Stats":{"raft":{"state":"Leader"}}}`
	for _, line := range []string{
		"kv get a", "kv get -recurse", "kv get -keys", "kv export", "members", "info", "version", "version -format=json",
	} {
		t.Run(line, func(t *testing.T) {
			var stderr bytes.Buffer
			code := run(append([]string{"lictor"}, words(line)...), nil, fullDisk{}, &stderr)
			check(t, result{code, "", stderr.String()}, failed("Error writing to standard output: no space left on device"))
		})
	}
}
