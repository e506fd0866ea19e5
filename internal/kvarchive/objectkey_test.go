package kvarchive

import (
	"testing"
	"time"
)

func TestObjectKey(t *testing.T) {
	east := time.FixedZone("east", 14*3600)
	for name, tt := range map[string]struct {
		prefix, host string
		at           time.Time
		want         string
	}{
		"seen": {DefaultPrefix, "consul-backup-1", time.Unix(1795246814, 0).UTC(),
			"backups/2026/11/21/consul-backup-1.consul.snapshot.1795246814.tar.gz"},
		"not padded": {"p", "h", time.Date(2027, 3, 4, 5, 6, 7, 0, time.UTC), "p/2027/3/4/h.consul.snapshot.1804136767.tar.gz"},
		"the local date": {"a/b", "h", time.Date(2026, 12, 31, 12, 0, 0, 0, time.UTC).In(east),
			"a/b/2027/1/1/h.consul.snapshot.1798718400.tar.gz"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ObjectKey(tt.prefix, tt.host, tt.at)
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			o, ok := ParseObjectKey(got)
			if !ok || o.Prefix != tt.prefix || o.Host != tt.host || o.Time.Unix() != tt.at.Unix() || o.KVOnly {
				t.Errorf("%+v", o)
			}
		})
	}
}

func TestParseObjectKey(t *testing.T) {
	at := time.Unix(1468004512, 0)
	for key, want := range map[string]Object{
		"consul.backup.1468004512.gz":                                          {Time: at, KVOnly: true},
		"backups/2016/July/8/consul.backup.1468004512.gz":                      {Prefix: "backups", Time: at, KVOnly: true},
		"backups/2016/7/8/consul.backup.1468004512.gz":                         {Prefix: "backups", Time: at, KVOnly: true},
		"backups/2016/7/8/consul.snapshot.1468004512.tar.gz":                   {Prefix: "backups", Time: at},
		"backups/2016/7/8/web-1.example.com.consul.snapshot.1468004512.tar.gz": {Prefix: "backups", Host: "web-1.example.com", Time: at},
		"a/2015/1/2016/7/8/h.consul.snapshot.1468004512.tar.gz":                {Prefix: "a/2015/1", Host: "h", Time: at},
		"/2016/7/8/h.consul.snapshot.1468004512.tar.gz":                        {Host: "h", Time: at},
		"2016/7/8/h.consul.snapshot.1468004512.tar.gz":                         {Host: "h", Time: at},
		"/var/backups/h.consul.snapshot.1468004512.tar.gz":                     {Prefix: "/var/backups", Host: "h", Time: at},
		"a.consul.snapshot.1.tar.gz.consul.snapshot.1468004512.tar.gz":         {Host: "a.consul.snapshot.1.tar.gz", Time: at},
	} {
		if got, ok := ParseObjectKey(key); !ok || got != want {
			t.Errorf("%s: %+v, %t; want %+v", key, got, ok, want)
		}
	}
	for _, key := range []string{"", "acceptancetest.tar.gz", "consul.backup.gz", "consul.backup..gz", "consul.backup.x.gz",
		"consul.backup.1.gz.tmp", "h.consul.snapshot.99999999999999999999.tar.gz", "h.consul.snapshot.-1.tar.gz",
		"hconsul.snapshot.1.tar.gz", "consul-1.snap",
		"h.consul.snapshot.1.tar.gz/", "h.consul.snapshot.9999999999999999999.tar.gz"} {
		if o, ok := ParseObjectKey(key); ok {
			t.Errorf("%q: %+v", key, o)
		}
	}
}
