package retryjoin

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestCheckEntry(t *testing.T) {
	t.Setenv("ARM_SUBSCRIPTION_ID", "")
	for _, c := range []struct{ name, entry, want string }{
		{"address", "10.0.0.1", ""},
		{"address with port", "[2001:db8::1]:8301", ""},
		{"name", "server.example", ""},
		{"nothing", "  ", "an entry to join is empty: it must be an address, or name a provider"},
		{"aws", `provider=aws region=eu-west-1 tag_key=consul tag_value=server`, ""},
		{"provider last", `tag_key=consul tag_value=server provider=aws`, ""},
		{"unknown provider", "provider=xyz a=b", `cloud auto-join with provider "xyz" is not served: the providers are aws, azure, gce, mdns`},
		{"no provider", "tag_key=a", `cloud auto-join: provider=… is missing: the providers are aws, azure, gce, mdns`},
		{"empty provider", `provider="" a=b`, `cloud auto-join with provider "" is not served: the providers are aws, azure, gce, mdns`},
		{"aws without tag", "provider=aws tag_key=a", `cloud auto-join with provider "aws": tag_value is missing`},
		{"aws addr_type", "provider=aws tag_key=a tag_value=b addr_type=public_v5",
			`cloud auto-join with provider "aws": addr_type is none of private_v4, public_v4, public_v6`},
		{"unread argument", "provider=mdns service=x zone=y",
			`cloud auto-join with provider "mdns": argument 3 is none of those that it reads: service, domain, timeout, v4, v6`},
		{"azure by tag", "provider=azure subscription_id=s tag_name=a tag_value=b", ""},
		{"azure by set", "provider=azure subscription_id=s resource_group=a vm_scale_set=b", ""},
		{"azure without either", "provider=azure subscription_id=s tag_name=a",
			`cloud auto-join with provider "azure": give either tag_name and tag_value, or resource_group and vm_scale_set`},
		{"azure with both", "provider=azure subscription_id=s tag_name=a tag_value=b resource_group=a vm_scale_set=b",
			`cloud auto-join with provider "azure": give either tag_name and tag_value, or resource_group and vm_scale_set`},
		{"azure without subscription", "provider=azure tag_name=a tag_value=b",
			`cloud auto-join with provider "azure": subscription_id is missing, and the environment has no ARM_SUBSCRIPTION_ID`},
		{"gce", "provider=gce project_name=p", `cloud auto-join with provider "gce": tag_value is missing`},
		{"mdns", "provider=mdns", `cloud auto-join with provider "mdns": service is missing`},
		{"secret in a provider's name", `provider="aws secret_access_key=s3cret"`,
			"cloud auto-join with this provider is not served: the providers are aws, azure, gce, mdns"},
		{"secret without quotes", "provider=aws secret_access_key=ab cd tag_key=a",
			`cloud auto-join: argument 3 has no equals sign; quote values that hold spaces or equals signs`},
		{"secret in single quotes", "provider=azure secret_access_key='abcd='",
			`cloud auto-join: argument 3 has a name that is missing; quote values that hold spaces or equals signs`},
		{"open quotes", `provider=azure secret_access_key="abcd`,
			`cloud auto-join: argument 2 has a value that is not quoted well; quote values that hold spaces or equals signs`},
		{"no value", `provider=azure secret_access_key=`,
			`cloud auto-join: argument 2 has a value that is missing; quote values that hold spaces or equals signs`},
		{"twice", `provider=aws provider=gce`,
			`cloud auto-join: argument 2 is there already; quote values that hold spaces or equals signs`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if err := CheckEntry(c.entry); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestSubscriptionOfTheEnvironment(t *testing.T) {
	t.Setenv("ARM_SUBSCRIPTION_ID", "s")
	if err := CheckEntry("provider=azure tag_name=a tag_value=b"); err != nil {
		t.Error(err)
	}
	if err := CheckEntry(`provider=azure tag_name=a tag_value=b subscription_id=""`); err == nil {
		t.Error("an argument that is empty comes before the environment, and is accepted")
	}
}

func TestParseQuery(t *testing.T) {
	for _, c := range []struct {
		name, entry string
		want        map[string]string
	}{
		{"plain", "provider=aws a=b", map[string]string{"provider": "aws", "a": "b"}},
		{"spaces", "  provider = aws   a= b ", map[string]string{"provider": "aws", "a": "b"}},
		{"quotes", `provider=aws "a key"="a value"`, map[string]string{"provider": "aws", "a key": "a value"}},
		{"escapes", `a="1 \"2\" \\ =3\u00e9"`, map[string]string{"a": `1 "2" \ =3é`}},
		{"quotes inside a word", `a=b"c`, map[string]string{"a": `b"c`}},
		{"empty in quotes", `a="" b=c`, map[string]string{"a": "", "b": "c"}},
		{"nothing between", `a="1"b=2`, map[string]string{"a": "1", "b": "2"}},
		{"regular expression", `zone_pattern=us-(?west|east).*`, map[string]string{"zone_pattern": "us-(?west|east).*"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseQuery(c.entry)
			if err != nil || !maps.Equal(got.values, c.want) {
				t.Errorf("%v, %q, want %q", err, got.values, c.want)
			}
		})
	}
}

func TestRedact(t *testing.T) {
	for _, c := range []struct{ name, entry, want string }{
		{"address", "10.0.0.1:8301", "10.0.0.1:8301"},
		{"aws", "tag_key=k provider=aws secret_access_key=hunter2", "provider=aws tag_key=hidden secret_access_key=hidden"},
		{"pieces of a value", "provider=aws secret_access_key=a hunter2=b", "provider=aws secret_access_key=hidden"},
		{"unreadable", "provider=aws secret_access_key=a hunter2", "provider=hidden"},
		{"unknown provider", "provider=hunter2 a=b", "provider=hidden"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Redact(c.entry); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// What was read can be written, and is read as the same. An error and what logs show have nothing of what is no argument's name.
func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{
		"provider=aws region=eu-west-1 tag_key=a tag_value=b", `provider=gce "zone_pattern"="a \"b\" \\"`, "a=b c", `a="`, "==",
		`a="b"c=d`, "\xff=\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		q, err := parseQuery(entry)
		if err != nil {
			if IsCloud(entry) && Redact(entry) != "provider=hidden" {
				t.Errorf("%q is shown as %q", entry, Redact(entry))
			}
			return
		}
		if len(q.values) != len(q.names) {
			t.Errorf("%q has %d values of %d arguments", entry, len(q.values), len(q.names))
		}
		again, err := parseQuery(write(q))
		if err != nil || !maps.Equal(q.values, again.values) || !slices.Equal(q.names, again.names) {
			t.Errorf("%q came back as %q, %v", q.values, again.values, err)
		}
	})
}

// write is a query as an entry, all of it in quotes that keep every byte.
func write(q query) string {
	var b strings.Builder
	quote := func(s string) {
		b.WriteByte('"')
		for _, c := range []byte(s) {
			b.WriteString(`\x` + string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]))
		}
		b.WriteByte('"')
	}
	for _, name := range q.names {
		quote(name)
		b.WriteByte('=')
		quote(q.values[name])
		b.WriteByte(' ')
	}
	return b.String()
}
