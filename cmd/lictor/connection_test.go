package main

import (
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTokenOrder(t *testing.T) {
	flagFile, envFile := write(t, "flag", " flag-file \n"), write(t, "env", "env-file\n")
	empty := write(t, "empty", "\n")
	tests := []struct {
		name           string
		args           []string
		envToken, file string
		want           string
	}{
		{"nothing", nil, "", "", ""},
		{"environment", nil, "env", "", "env"},
		{"environment's file wins over its token", nil, "env", envFile, "env-file"},
		{"flag wins over the environment", []string{"-token=flag"}, "env", envFile, "flag"},
		{"flag equal to the environment's token", []string{"-token=env"}, "env", envFile, "env"},
		{"file flag wins over all", []string{"-token=flag", "-token-file=" + flagFile}, "env", envFile, "flag-file"},
		{"file flag equal to the environment's", []string{"-token=flag", "-token-file=" + envFile}, "env", envFile, "env-file"},
		{"empty file falls back to the flag", []string{"-token=flag", "-token-file=" + empty}, "env", "", "flag"},
		{"empty file falls back to the environment", []string{"-token-file=" + empty}, "env", "", "env"},
		{"environment's empty file", nil, "env", empty, "env"},
		{"empty flags are no flags", []string{"-token=", "-token-file="}, "env", "", "env"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := store(t)
			t.Setenv("CONSUL_HTTP_TOKEN", tt.envToken)
			t.Setenv("CONSUL_HTTP_TOKEN_FILE", tt.file)
			check(t, lictor(append(append(words("kv get"), tt.args...), "app")...), ok("A"))
			if got := f.last(t).Header.Get("X-Consul-Token"); got != tt.want {
				t.Errorf("sent token %q, want %q", got, tt.want)
			}
			if os.Getenv("CONSUL_HTTP_TOKEN") != tt.envToken || os.Getenv("CONSUL_HTTP_TOKEN_FILE") != tt.file {
				t.Error("the environment was not put back")
			}
		})
	}
}

func TestAddress(t *testing.T) {
	tests := []struct {
		name string
		addr func(hostPort string) string
		path string
	}{
		{"host and port", func(h string) string { return h }, "/v1/kv/app"},
		{"scheme", func(h string) string { return "http://" + h }, "/v1/kv/app"},
		{"slash at the end", func(h string) string { return "http://" + h + "/" }, "/v1/kv/app"},
		{"prefix", func(h string) string { return "http://" + h + "/a/b" }, "/a/b/v1/kv/app"},
		{"prefix, slash at the end", func(h string) string { return "http://" + h + "/a/b/" }, "/a/b/v1/kv/app"},
		{"prefix without scheme", func(h string) string { return h + "/a" }, "/a/v1/kv/app"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := store(t)
			addr := tt.addr(f.Listener.Addr().String())
			t.Setenv("CONSUL_HTTP_ADDR", addr)
			check(t, lictor("kv", "get", "app"), ok("A"))
			t.Setenv("CONSUL_HTTP_ADDR", "192.0.2.1:1")
			check(t, lictor("kv", "get", "-http-addr="+addr, "app"), ok("A"))
			for _, r := range f.seen() {
				if r.URL.Path != tt.path {
					t.Errorf("path %q, want %q", r.URL.Path, tt.path)
				}
			}
		})
	}
}

func TestUnixSocket(t *testing.T) {
	f := store(t)
	dir, err := os.MkdirTemp("", "lictor") // short: the name of a socket is limited
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: f}}
	server.Start()
	t.Cleanup(server.Close)
	check(t, lictor("kv", "get", "-http-addr=unix://"+socket, "app"), ok("A"))
}

func TestClientErrors(t *testing.T) {
	newFake(t)
	pemFile := write(t, "x.pem", "x")
	tests := []struct {
		name string
		args string
		want string
	}{
		{"token file", "-token-file=/nope", "Error loading token file /nope : open /nope: no such file or directory"},
		{"CA file", "-ca-file=/nope", "Error loading CA File: open /nope: no such file or directory"},
		{"certificate without key", "-client-cert=" + pemFile, "both client cert and client key must be provided"},
		{"key without certificate", "-client-key=" + pemFile, "both client cert and client key must be provided"},
		{"scheme", "-http-addr=ftp://127.0.0.1:1", "Unknown protocol scheme: ftp"},
	}
	for _, command := range []string{"kv get", "members", "info", "operator raft list-peers"} {
		for _, tt := range tests {
			t.Run(command+", "+tt.name, func(t *testing.T) {
				args := append(words(command), tt.args)
				if command == "kv get" {
					args = append(args, "app")
				}
				check(t, lictor(args...), failed("Error connecting to Consul agent: "+tt.want))
			})
		}
	}
}

func TestNobodyListens(t *testing.T) {
	f := newFake(t)
	addr := f.Listener.Addr().String()
	f.Close()
	check(t, lictor("kv", "get", "app"), failed(`Error querying Consul agent: Get "http://`+addr+
		`/v1/kv/app": dial tcp `+addr+`: connect: connection refused`))
}

func TestBadBooleans(t *testing.T) {
	t.Run("verification is never switched off by mistake", func(t *testing.T) {
		f := store(t)
		t.Setenv("CONSUL_HTTP_SSL_VERIFY", "garbage")
		check(t, lictor("kv", "get", "app"), failed("Error connecting to Consul agent: "+
			`CONSUL_HTTP_SSL_VERIFY="garbage" is not a boolean: set it to true or false, or unset it`))
		if len(f.seen()) != 0 {
			t.Error("a request was sent")
		}
	})
	t.Run("one warning about the other", func(t *testing.T) {
		store(t)
		t.Setenv("CONSUL_HTTP_SSL", "garbage")
		check(t, lictor("kv", "get", "app"), result{0, "A\n", "Warning: " +
			`CONSUL_HTTP_SSL="garbage" is not a boolean: set it to true or false, or unset it; it is ignored` + "\n"})
		if os.Getenv("CONSUL_HTTP_SSL") != "garbage" {
			t.Error("the environment was not put back")
		}
	})
}

func TestTLS(t *testing.T) {
	f := store(t)
	server := httptest.NewUnstartedServer(f)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := write(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{
		Type: "CERTIFICATE", Bytes: server.Certificate().Raw,
	})))
	hostPort := server.Listener.Addr().String()
	https := "https://" + hostPort
	const unknown = "certificate signed by unknown authority"
	tests := []struct {
		name string
		env  string
		args string
		want string // error text, empty for success
	}{
		{"unknown authority", "", "-http-addr=" + https, unknown},
		{"CA by flag", "", "-http-addr=" + https + " -ca-file=" + ca, ""},
		{"CA by environment", "CONSUL_CACERT=" + ca, "-http-addr=" + https, ""},
		{"CA directory by flag", "", "-http-addr=" + https + " -ca-path=" + filepath.Dir(ca), ""},
		{"CA directory by environment", "CONSUL_CAPATH=" + filepath.Dir(ca), "-http-addr=" + https, ""},
		{"verification off", "CONSUL_HTTP_SSL_VERIFY=false", "-http-addr=" + https, ""},
		{"verification on", "CONSUL_HTTP_SSL_VERIFY=true", "-http-addr=" + https, unknown},
		{"https by environment", "CONSUL_HTTP_SSL=true", "-http-addr=" + hostPort + " -ca-file=" + ca, ""},
		{"http does not undo it", "CONSUL_HTTP_SSL=true", "-http-addr=http://" + hostPort + " -ca-file=" + ca, ""},
		{"https wins over it", "CONSUL_HTTP_SSL=false", "-http-addr=" + https + " -ca-file=" + ca, ""},
		{"server name", "", "-http-addr=" + https + " -ca-file=" + ca + " -tls-server-name=example.com:8501", ""},
		{"server name by environment", "CONSUL_TLS_SERVER_NAME=wrong.test", "-http-addr=" + https + " -ca-file=" + ca, "wrong.test"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if name, value, found := strings.Cut(tt.env, "="); found {
				t.Setenv(name, value)
			}
			got := lictor(append(append(words("kv get"), words(tt.args)...), "app")...)
			if tt.want == "" {
				check(t, got, ok("A"))
			} else if got.code != 1 || !strings.Contains(got.err, tt.want) {
				t.Errorf("exit %d, stderr %q, want %q in it", got.code, got.err, tt.want)
			}
		})
	}
}

func TestRequestOptions(t *testing.T) {
	tests := []struct {
		name string
		env  string
		line string
		want string // query of the request
	}{
		{"none", "", "kv get app", ""},
		{"datacenter", "", "kv get -datacenter=dc2 app", "dc=dc2"},
		{"stale", "", "kv get --stale app", "stale="},
		{"not stale", "", "kv get -stale=false app", ""},
		{"stale export", "", "kv export -stale -datacenter=dc2 app", "dc=dc2&recurse=&stale="},
		{"stale keys", "", "kv get -keys -stale app", "keys=&separator=%2F&stale="},
		{"datacenter of a write", "", "kv put -datacenter dc2 k", "dc=dc2"},
		{"datacenter of a delete", "", "kv delete -datacenter dc2 k", "dc=dc2"},
		{"namespace and partition", "", "kv get -namespace=n -partition=p app", "ns=n&partition=p"},
		{"namespace and partition of a write", "", "kv put -namespace=n -partition=p k", "ns=n&partition=p"},
		{"namespace from the environment", "CONSUL_NAMESPACE=e", "kv get app", "ns=e"},
		{"flag wins over it", "CONSUL_NAMESPACE=e", "kv get -namespace=n app", "ns=n"},
		{"partition from the environment", "CONSUL_PARTITION=e", "kv get app", "partition=e"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := store(t)
			if name, value, found := strings.Cut(tt.env, "="); found {
				t.Setenv(name, value)
			}
			if got := lictor(words(tt.line)...); got.code != 0 || got.err != "" {
				t.Fatalf("exit %d, stderr %q", got.code, got.err)
			}
			if got := f.last(t).URL.RawQuery; got != tt.want {
				t.Errorf("query %q, want %q", got, tt.want)
			}
		})
	}
}

func TestBasicAuthentication(t *testing.T) {
	for auth, want := range map[string][2]string{
		"user:pass:word": {"user", "pass:word"},
		"user":           {"user", ""},
	} {
		f := store(t)
		t.Setenv("CONSUL_HTTP_AUTH", auth)
		check(t, lictor("kv", "get", "app"), ok("A"))
		user, password, _ := f.last(t).BasicAuth()
		if user != want[0] || password != want[1] {
			t.Errorf("%s: sent %q, %q", auth, user, password)
		}
	}
}

// Commands that ask the local agent alone have no server flags.
func TestFlagSets(t *testing.T) {
	for _, line := range []string{"members -stale", "info -datacenter=x", "version -http-addr=x", "info -namespace=x"} {
		got := lictor(words(line)...)
		name, _, _ := strings.Cut(words(line)[1], "=")
		if got.code != 1 || got.out != "" || !strings.HasPrefix(got.err, "flag provided but not defined: "+name+"\nUsage:\n") {
			t.Errorf("%s: exit %d, stderr %q", line, got.code, got.err)
		}
	}
}
