//go:build heavy && unix

package tlsmatrix

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/tlstest"
)

// httpsReasons are what the CLI says when it gets no further, and the words of the table for it.
var httpsReasons = []struct{ said, short string }{
	{"the agent does not know the authority of this client's certificate", "refused: another authority"},
	{"this client's certificate is not valid today", "refused: expired"},
	{"the agent asks for a client certificate", "refused: a certificate of its authority is required"},
	{"name the file of the agent's authority with -ca-file", "the client refuses: another authority"},
	{"the agent's certificate is not valid today", "the client refuses: expired"},
	{"the agent may have no certificate: its log says why", "refused: the agent has no certificate"},
}

// vague is what the CLI says where the connection ended before Go's HTTP/2 had read why, which is a matter of microseconds.
const vague = "the agent closed the connection after the handshake, most often because it asks for a client certificate"

// httpsRow is what a client of the HTTPS API gets.
type httpsRow struct {
	server   kind
	incoming bool
	client   kind
}

func (r httpsRow) hcl(t testing.TB, c certificates) string {
	text := fmt.Sprintf("tls { https { ca_file = %q verify_incoming = %v ", c.ca.File, r.incoming)
	if shown := c.of(t, r.server, "server"); shown != nil {
		text += fmt.Sprintf("cert_file = %q key_file = %q ", shown.CertFile, shown.KeyFile)
	}
	return text + "} }"
}

// httpsTable asks servers over HTTPS with the CLI.
func httpsTable(t *testing.T) (table []string) {
	c := newCertificates(t)
	shown := map[kind]*tlstest.Certificate{}
	for _, k := range []kind{right, wrongCA, expired, missing} {
		shown[k] = c.of(t, k, "client")
	}
	table = append(table,
		"| agent's certificate | `verify_incoming` | client's certificate | `lictor kv get` | `lictor snapshot save` |",
		"| --- | --- | --- | --- | --- |")
	for _, s := range []httpsRow{{right, false, ""}, {right, true, ""}, {wrongCA, false, ""}, {expired, false, ""}, {missing, false, ""}} {
		a := launch(t, "https", s.hcl(t, c), "-dev")
		a.leads(t)
		for _, k := range []kind{right, wrongCA, expired, missing} {
			if s.server != right && k != missing {
				continue // the client does not come to show it
			}
			target := filepath.Join(t.TempDir(), "x.snap")
			read := a.cli(t, c, shown[k], "kv", "get", "probe")
			saved := a.cli(t, c, shown[k], "snapshot", "save", target)
			if _, err := os.Stat(target); (err == nil) != (saved == "yes") {
				t.Errorf("%v, client's certificate %s: the archive: %v, the answer: %s", s, k, err, saved)
			}
			if strings.HasPrefix(read, "refused") {
				if err := a.says("TLS handshake failed: from="); err != nil {
					t.Error(err)
				}
			}
			table = append(table, fmt.Sprintf("| %s | %v | %s | %s | %s |", s.server, s.incoming, k, read, saved))
		}
		a.Kill()
	}
	return table
}

// cli runs a command against the HTTPS API, and returns in the words of the table what comes of it.
func (a *agent) cli(t *testing.T, c certificates, shown *tlstest.Certificate, words ...string) string {
	t.Helper()
	flags := []string{"-ca-file=" + c.ca.File, fmt.Sprint("-http-addr=https://127.0.0.1:", a.https)}
	if shown != nil {
		flags = append(flags, "-client-cert="+shown.CertFile, "-client-key="+shown.KeyFile)
	}
	args := append(append(append([]string{}, words[:2]...), flags...), words[2:]...) // flags come before arguments
	for range 50 {
		out, err := exec.Command(program, args...).CombinedOutput()
		if err == nil {
			if words[0] == "kv" && strings.TrimSpace(string(out)) != "there" {
				t.Errorf("%v: %s", words, out)
			}
			return "yes"
		}
		if code := err.(*exec.ExitError).ExitCode(); code != 1 {
			t.Errorf("%v: exit code %d", words, code)
		}
		for _, r := range httpsReasons {
			if strings.Contains(string(out), r.said) && !strings.Contains(string(out), vague) {
				return r.short
			}
		}
		if !strings.Contains(string(out), vague) {
			t.Errorf("%v: %s", words, out)
			break
		}
	}
	return "unexplained"
}
