package meshca

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"reflect"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

func TestNewIsARootThatCannotBeMistaken(t *testing.T) {
	r, err := New("c39ecaf2-c83a-903b-b729-5dff6c677601", time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(r.RootCert))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if err := cert.CheckSignatureFrom(cert); err != nil || !cert.IsCA || cert.URIs[0].Host != "c39ecaf2-c83a-903b-b729-5dff6c677601.consul" {
		t.Errorf("%v, CA %v, %v", err, cert.IsCA, cert.URIs)
	}
	if a := Answer([]Root{r}); a.ActiveRootID != r.ID || a.TrustDomain != "c39ecaf2-c83a-903b-b729-5dff6c677601.consul" {
		t.Errorf("%+v", a)
	}
}

// The roots of a real Consul's archive are shown as that Consul showed them.
func TestCarriedRoots(t *testing.T) {
	var carried []*record.Opaque
	records, err := record.NewReader(golden.State(t, "consul-1.21.4/full.snap"))
	if err != nil {
		t.Fatal(err)
	}
	for {
		raw, err := records.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if raw.Type == record.TypeConnectCA {
			carried = append(carried, &record.Opaque{Type: raw.Type, Value: bytes.Clone(raw.Value)})
		}
	}
	roots, err := Carried(carried)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(Answer(roots))
	if err != nil {
		t.Fatal(err)
	}
	var expected struct {
		Responses map[string]struct{ Body any }
	}
	if err := json.Unmarshal(golden.Read(t, "consul-1.21.4/full.expected.json"), &expected); err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if want := expected.Responses["GET /v1/connect/ca/roots"].Body; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}
