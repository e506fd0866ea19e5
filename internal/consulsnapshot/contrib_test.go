package consulsnapshot

import (
	"os"
	"regexp"
	"testing"

	"github.com/hashicorp/hcl"
)

// The Nomad job is HCL, sets variables that exist to values that are taken, and asks for /health where it is served.
func TestNomadJob(t *testing.T) {
	text, err := os.ReadFile("../../contrib/consul-snapshot.nomad.hcl")
	must(t, err)
	var job any
	must(t, hcl.Unmarshal(text, &job))
	vars := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^ +([A-Z][A-Z0-9_]+) += "(.*)"$`).FindAllStringSubmatch(string(text), -1) {
		vars[m[1]] = m[2]
	}
	for _, m := range regexp.MustCompile(`(?m)^([A-Z][A-Z0-9_]+)=\{\{`).FindAllStringSubmatch(string(text), -1) {
		vars[m[1]] = "secret"
	}
	if vars["CONSUL_SNAPSHOT_HEALTH_ADDR"] != "${NOMAD_ADDR_health}" {
		t.Errorf("health is served on %q", vars["CONSUL_SNAPSHOT_HEALTH_ADDR"])
	}
	vars["CONSUL_SNAPSHOT_HEALTH_ADDR"] = "10.0.0.1:20000"
	asked := map[string]bool{
		"CONSUL_HTTP_ADDR": true, "CONSUL_HTTP_TOKEN": true, "AWS_ACCESS_KEY_ID": true, "AWS_SECRET_ACCESS_KEY": true, // by the clients
	}
	c, err := Environment(func(name string) string { asked[name] = true; return vars[name] })
	must(t, err)
	for name := range vars {
		if !asked[name] {
			t.Errorf("%s means nothing", name)
		}
	}
	if c.S3Bucket == "" || c.Passphrase == "" || c.HealthAddress != "10.0.0.1:20000" || len(vars) < 9 {
		t.Errorf("%+v of %v", c, vars)
	}
	if !regexp.MustCompile(`path +=\s+"/health"`).Match(text) {
		t.Error("nobody asks for /health")
	}
}
