package agent

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/storetest"
)

// bucket is a bucket of a server that plays S3, and how it is named.
type bucket struct {
	*storetest.S3Server
	url   string
	store blobstore.Store
}

func newBucket(t *testing.T) *bucket {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	b := &bucket{S3Server: storetest.S3(t, "backups")}
	b.url = "s3://backups/dc1?region=eu-west-1&endpoint=" + url.QueryEscape(b.URL)
	store, err := blobstore.OpenURL(t.Context(), b.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	b.store = store
	return b
}

// keep puts an archive into the bucket as a backup with an ID, after what change makes of its entry. An entry that tells of encryption gets an
// archive that is encrypted for recipients.
func (b *bucket) keep(t *testing.T, id, path string, change func(*inventory.Entry)) {
	t.Helper()
	b.keepFor(t, id, path, nil, change)
}

func (b *bucket) keepFor(t *testing.T, id, path string, recipients *encryption.Recipients, change func(*inventory.Entry)) {
	t.Helper()
	content := golden.Read(t, path)
	d, err := inventory.Describe(t.Context(), bytes.NewReader(content), inventory.Own{})
	if err != nil {
		t.Fatal(err)
	}
	e := d.Entry(id, "dc1")
	now := time.Now()
	e.Datacenter, e.Started, e.Saved, e.Committed, e.Proof, e.ProvenAt, e.Writer = "dc1", now, now, now, inventory.Proven, &now, "test"
	if recipients != nil {
		content = encrypt(t, content, recipients)
		e.Name, e.Encryption = inventory.EncryptedName(id, 0), inventory.EncryptedFor(recipients)
		e.Size, e.SHA256 = int64(len(content)), fmt.Sprintf("%x", sha256.Sum256(content))
	}
	if change != nil {
		change(e)
	}
	b.put(t, e.Name, content)
	if err := inventory.Commit(t.Context(), b.store, e); err != nil {
		t.Fatal(err)
	}
}

func encrypt(t *testing.T, content []byte, recipients *encryption.Recipients) []byte {
	t.Helper()
	var sealed bytes.Buffer
	w, err := recipients.Encrypt(&sealed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return sealed.Bytes()
}

func (b *bucket) put(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := b.store.Put(t.Context(), name, bytes.NewReader(content), int64(len(content))); err != nil {
		t.Fatal(err)
	}
}

// reads counts how often an archive was read.
func (b *bucket) reads(name string) (n int) {
	for _, r := range b.Requests() {
		if r.Method == http.MethodGet && strings.HasSuffix(r.Path, name) {
			n++
		}
	}
	return n
}

const (
	olderID, newerID = "1795280525744647929", "1795284125744647929"
	kvKey            = "/v1/kv/abc?raw" // in kv.snap
)

// A new cluster of three rises from its backup in S3, and that is told. A server of it that is replaced, with an empty disk and the same
// command line, changes nothing, and neither does a start of all of them.
func TestClusterRisesFromItsBackup(t *testing.T) {
	b := newBucket(t)
	b.keep(t, olderID, "consul-1.21.4/empty.snap", nil)
	b.keep(t, newerID, "consul-1.21.4/kv.snap", nil)
	c := &cluster{t: t, network: newNetwork(), ca: suiteCA(t)}
	for i := range 3 {
		c.add(fmt.Sprint("s", i+1), "-server", "-bootstrap-expect=3", "-restore-from="+b.url)
	}
	c.add("c1")
	for _, n := range c.nodes {
		n.start()
	}
	c.settled()
	for _, n := range c.nodes {
		n.sees(kvKey, "")
		if n.isServer() {
			n.sees("/v1/agent/self", newerID)
		}
	}
	c.nodes[0].put("/v1/kv/later", "1")

	lost := c.leader()
	lost.crash()
	c.leader(lost).must("", http.MethodPut, "/v1/kv/later", "2")
	lost.dir = t.TempDir()
	lost.start()
	c.settled()
	lost.sees("/v1/kv/later?raw", "2")
	for _, n := range c.nodes {
		if n.isServer() {
			n.stop()
		}
	}
	for _, n := range c.nodes {
		if n.isServer() {
			n.start()
		}
	}
	c.settled()
	c.leader().must("", http.MethodPut, "/v1/kv/after", "3")
	for _, n := range c.nodes {
		n.sees("/v1/kv/later?raw", "2")
	}
	if n := b.reads("consul-" + newerID + ".snap"); n != 1 {
		t.Errorf("the backup was read %d times", n)
	}
}

// A cluster of one, which can be told another way to rise.
func rise(t *testing.T, b *bucket, args ...string) *node {
	t.Helper()
	c := &cluster{t: t, network: newNetwork(), hcl: []string{`performance { rpc_hold_timeout = "50ms" }`}}
	args = append([]string{"-server", "-bootstrap", "-restore-from=" + b.url}, args...)
	n := c.add("s1", args...)
	n.start()
	return n
}

// Whoever is asked, a follower or a client agent too, tells why the cluster does not rise.
func TestEveryAgentTellsWhyNot(t *testing.T) {
	b := newBucket(t)
	c := &cluster{t: t, network: newNetwork(), ca: suiteCA(t), hcl: []string{`performance { rpc_hold_timeout = "50ms" }`}}
	for i := range 3 {
		c.add(fmt.Sprint("s", i+1), "-server", "-bootstrap-expect=3", "-restore-from="+b.url)
	}
	c.add("c1")
	for _, n := range c.nodes {
		n.start()
	}
	for _, n := range c.nodes {
		eventually(t, n.name+" tells the reason", func() (bool, any) {
			a := n.get(kvKey)
			return a.status == http.StatusInternalServerError && strings.Contains(a.body, "the store has no good backup"), a
		})
	}
	b.keep(t, newerID, "consul-1.21.4/kv.snap", nil)
	c.settled()
}

// What keeps a cluster from rising is told to who asks it for something, with what can be done. It takes no other backup by itself, and writes
// nothing.
func TestClusterDoesNotRise(t *testing.T) {
	var down atomic.Bool
	for name, c := range map[string]struct {
		prepare func(t *testing.T, b *bucket)
		args    []string
		want    []string
		mend    func(t *testing.T, b *bucket) // after which it rises; nil: it does not
	}{
		"the store cannot be reached": {
			func(t *testing.T, b *bucket) {
				b.keep(t, newerID, "consul-1.21.4/kv.snap", nil)
				down.Store(true)
				b.Refuse = func(w http.ResponseWriter, _ *http.Request) bool {
					if down.Load() {
						http.Error(w, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>", http.StatusForbidden)
					}
					return down.Load()
				}
			}, nil,
			[]string{"AccessDenied", "s3://backups/dc1", "start all servers without -restore-from"},
			func(*testing.T, *bucket) { down.Store(false) },
		},
		"no backup": {
			func(t *testing.T, b *bucket) {
				b.put(t, "consul-"+olderID+".snap", golden.Read(t, "consul-1.21.4/kv.snap"))
			}, nil,
			[]string{"the store has no good backup", "snapshot adopt"},
			func(t *testing.T, b *bucket) { b.keep(t, newerID, "consul-1.21.4/kv.snap", nil) },
		},
		"the latest is damaged": {
			func(t *testing.T, b *bucket) {
				b.keep(t, olderID, "consul-1.21.4/kv.snap", nil)
				b.keep(t, newerID, "consul-1.21.4/kv.snap", nil)
				content := golden.Read(t, "consul-1.21.4/kv.snap")
				content[len(content)/2] ^= 1
				b.put(t, "consul-"+newerID+".snap", content)
			}, nil,
			[]string{"backup " + newerID, "the good one before it is " + olderID, "proven", "start all servers with -restore-backup=" + olderID}, nil,
		},
		"the latest is known to be bad": {
			func(t *testing.T, b *bucket) {
				b.keep(t, olderID, "consul-1.21.4/kv.snap", nil)
				b.keep(t, newerID, "consul-1.21.4/kv.snap", func(e *inventory.Entry) {
					e.Proof, e.ProvenAt, e.Reason = inventory.Bad, nil, "it lost a key"
				})
			}, nil,
			[]string{"it is bad: it lost a key", "start all servers with -restore-backup=" + olderID}, nil,
		},
		"the latest is gone": {
			func(t *testing.T, b *bucket) {
				b.keep(t, olderID, "consul-1.21.4/kv.snap", nil)
				b.keep(t, newerID, "consul-1.21.4/kv.snap", nil)
				if err := b.store.Delete(t.Context(), "consul-"+newerID+".snap"); err != nil {
					t.Fatal(err)
				}
			}, nil,
			[]string{"its archive is gone", "start all servers with -restore-backup=" + olderID}, nil,
		},
		"another datacenter's": {
			func(t *testing.T, b *bucket) {
				b.keep(t, newerID, "consul-1.21.4/kv.snap", func(e *inventory.Entry) { e.Datacenter = "dc9" })
			}, nil,
			[]string{`is of datacenter "dc9", and this is "dc1"`}, nil,
		},
		"several clusters'": {
			func(t *testing.T, b *bucket) {
				b.keep(t, olderID, "consul-1.21.4/kv.snap", nil)
				b.keep(t, newerID, "consul-1.21.4/kv.snap", func(e *inventory.Entry) { e.Cluster = "other" })
			}, nil,
			[]string{"there are backups of several clusters (dc1, other)", "-restore-cluster"}, nil,
		},
		"no such backup": {
			func(t *testing.T, b *bucket) { b.keep(t, olderID, "consul-1.21.4/kv.snap", nil) }, []string{"-restore-backup=" + newerID},
			[]string{fmt.Sprintf("has the ID %q", newerID)}, nil,
		},
		"an identity file that is not there": {
			func(t *testing.T, b *bucket) { b.keep(t, olderID, "consul-1.21.4/kv.snap", nil) }, []string{"-restore-identity=/nowhere/key.txt"},
			[]string{"/nowhere/key.txt"}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBucket(t)
			c.prepare(t, b)
			n := rise(t, b, c.args...)
			eventually(t, "the reason in an answer", func() (bool, any) {
				a := n.get(kvKey)
				ok := a.status == http.StatusInternalServerError && strings.HasPrefix(a.body, "No cluster leader")
				for _, want := range c.want {
					ok = ok && strings.Contains(a.body, want)
				}
				return ok, a
			})
			if !n.server.Store().Pristine() {
				t.Error("something was written")
			}
			if c.mend != nil {
				c.mend(t, b)
				n.sees(kvKey, "")
			}
		})
	}
}

// A backup that is asked for by its ID is taken, an older one or one of several clusters among them, and an encrypted one with its keys.
func TestClusterRisesFrom(t *testing.T) {
	dir := t.TempDir()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	key, passphrase := filepath.Join(dir, "key.txt"), filepath.Join(dir, "passphrase")
	put(t, key, id.String()+"\n")
	put(t, passphrase, "correct horse battery staple\n")
	for _, f := range []string{key, passphrase} {
		if err := os.Chmod(f, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	forKey, err := encryption.ParseRecipients([]string{id.Recipient().String()})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		prepare func(t *testing.T, b *bucket)
		args    []string
	}{
		"an older one": {func(t *testing.T, b *bucket) {
			b.keep(t, olderID, "consul-1.21.4/kv.snap", nil)
			b.keep(t, newerID, "consul-1.21.4/empty.snap", nil)
		}, []string{"-restore-backup=" + olderID}},
		"one of two clusters'": {func(t *testing.T, b *bucket) {
			b.keep(t, olderID, "consul-1.21.4/kv.snap", nil)
			b.keep(t, newerID, "consul-1.21.4/empty.snap", func(e *inventory.Entry) { e.Cluster = "other" })
		}, []string{"-restore-cluster=dc1"}},
		"an unproven one": {func(t *testing.T, b *bucket) {
			b.keep(t, newerID, "consul-1.21.4/kv.snap", func(e *inventory.Entry) { e.Proof, e.ProvenAt, e.Reason = inventory.Unproven, nil, "no memory" })
		}, nil},
		"one without an entry": {func(t *testing.T, b *bucket) {
			b.put(t, "consul-"+newerID+".snap", golden.Read(t, "consul-1.21.4/kv.snap"))
		}, []string{"-restore-backup=" + newerID}},
		"an encrypted one": {func(t *testing.T, b *bucket) { b.keepFor(t, newerID, "consul-1.21.4/kv.snap", forKey, nil) }, []string{"-restore-identity=" + key}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBucket(t)
			c.prepare(t, b)
			n := rise(t, b, c.args...)
			n.sees(kvKey, "")
		})
	}
	t.Run("an encrypted one without its key", func(t *testing.T) {
		b := newBucket(t)
		b.keepFor(t, newerID, "consul-1.21.4/kv.snap", forKey, nil)
		n := rise(t, b, "-restore-passphrase-file="+passphrase)
		eventually(t, "the reason", func() (bool, any) {
			a := n.get(kvKey)
			return strings.Contains(a.body, forKey.Fingerprints()[0]) && !strings.Contains(a.body, "horse"), a
		})
	})
}
