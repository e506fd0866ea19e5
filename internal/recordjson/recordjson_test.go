package recordjson

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

const testdata = "../../testdata"

// line is one record as `snapshot decode` prints it.
type line struct {
	Data json.RawMessage
	Type string
}

// records gives all records of an archive of the fixtures.
func records(t testing.TB, name string, visit func(record.Raw)) {
	t.Helper()
	f, err := archive.OpenFile(filepath.Join(testdata, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Read(func(_ *archive.Meta, r io.Reader) error {
		rr, err := record.NewReader(r)
		for err == nil {
			var raw record.Raw
			if raw, err = rr.Next(); err == nil {
				visit(raw)
			}
		}
		if err == io.EOF {
			return nil
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func readLines(t *testing.T, name string) []line {
	t.Helper()
	f, err := os.Open(filepath.Join(testdata, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []line
	for s := bufio.NewReader(f); ; {
		text, err := s.ReadBytes('\n')
		if len(bytes.TrimSpace(text)) > 0 {
			var l line
			if err := json.Unmarshal(text, &l); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, l)
		}
		if err == io.EOF {
			return lines
		}
	}
}

// emptyInConsul are the types that the real decode prints without their data.
var emptyInConsul = map[record.Type]bool{
	record.TypeKVS: true, record.TypeSession: true, record.TypeTombstone: true, record.TypePreparedQuery: true,
	record.TypeAutopilot: true, record.TypeConnectCA: true,
}

// What Consul prints right is printed byte for byte the same.
func TestSameAsConsul(t *testing.T) {
	for _, name := range []string{"empty", "kv", "full"} {
		t.Run(name, func(t *testing.T) {
			want := readLines(t, "consul-1.21.4/"+name+".decode.ndjson")[1:] // behind the header
			n := 0
			records(t, "consul-1.21.4/"+name+".snap", func(raw record.Raw) {
				got, err := Append(nil, raw)
				if err != nil {
					t.Fatal(err)
				}
				w := want[n]
				n++
				if raw.Type.String() != w.Type {
					t.Fatalf("record %d: type %s, want %s", n, raw.Type, w.Type)
				}
				if emptyInConsul[raw.Type] {
					return
				}
				if raw.Type == record.TypeResource {
					got, w.Data = withoutAny(t, got), withoutAny(t, w.Data)
				}
				if string(got) != string(w.Data) {
					t.Errorf("record %d (%s)\ngot  %s\nwant %s", n, w.Type, got, w.Data)
				}
			})
			if n != len(want) {
				t.Errorf("%d records, want %d", n, len(want))
			}
		})
	}
}

// withoutAny cuts the message inside a resource down to its type.
func withoutAny(t *testing.T, text []byte) []byte {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	m["data"] = m["data"].(map[string]any)["@type"]
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What Consul prints empty is what its HTTP API said of the same state.
func TestSameAsHTTPAPI(t *testing.T) {
	var api struct {
		Responses map[string]struct{ Body json.RawMessage }
	}
	b, err := os.ReadFile(filepath.Join(testdata, "consul-1.21.4/full.expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &api); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{}
	collect := func(typ record.Type, request, id, list string) {
		var body any
		if err := json.Unmarshal(api.Responses[request].Body, &body); err != nil {
			t.Fatalf("%s: %v", request, err)
		}
		if list != "" {
			body = body.(map[string]any)[list]
		}
		for _, item := range body.([]any) {
			want[typ.String()+" "+item.(map[string]any)[id].(string)] = item
		}
	}
	collect(record.TypeKVS, "GET /v1/kv/?recurse=true", "Key", "")
	collect(record.TypeSession, "GET /v1/session/list", "ID", "")
	collect(record.TypePreparedQuery, "GET /v1/query", "ID", "")
	collect(record.TypeConnectCA, "GET /v1/connect/ca/roots", "ID", "Roots")
	records(t, "consul-1.21.4/full.snap", func(raw record.Raw) {
		if !emptyInConsul[raw.Type] || raw.Type == record.TypeAutopilot || raw.Type == record.TypeTombstone {
			return
		}
		text, err := Append(nil, raw)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		id, _ := got["ID"].(string)
		if raw.Type == record.TypeKVS {
			id = got["Key"].(string)
		}
		if raw.Type == record.TypeConnectCA { // shown by no request
			delete(got, "RotatedOutAt")
		}
		if !reflect.DeepEqual(any(got), want[raw.Type.String()+" "+id]) {
			t.Errorf("%s %s\ngot  %v\nwant %v", raw.Type, id, got, want[raw.Type.String()+" "+id])
		}
		delete(want, raw.Type.String()+" "+id)
	})
	if len(want) > 0 {
		t.Errorf("not printed: %v", want)
	}
}

func TestForms(t *testing.T) {
	type m = map[string]msgpack.Raw
	value := func(v any) []byte { return msgpack.Append(nil, v) }
	str := func(s string) []byte { return msgpack.AppendString(nil, s) }
	for _, c := range []struct {
		name  string
		typ   record.Type
		value []byte
		want  string
	}{
		{"autopilot", record.TypeAutopilot, value(record.Autopilot{CleanupDeadServers: true, LastContactThreshold: 2e8, MinQuorum: 3}),
			`{"CleanupDeadServers":true,"LastContactThreshold":200000000,"MaxTrailingLogs":0,"MinQuorum":3,"ServerStabilizationTime":0,` +
				`"RedundancyZoneTag":"","DisableUpgradeMigration":false,"UpgradeVersionTag":"","CreateIndex":0,"ModifyIndex":0}`},
		{"tombstone", record.TypeTombstone, value(record.Tombstone{Key: "a/", ModifyIndex: 7}),
			`{"LockIndex":0,"Key":"a/","Flags":0,"Value":null,"CreateIndex":0,"ModifyIndex":7}`},
		{"value with a session", record.TypeKVS, value(record.KVEntry{Key: "k", Value: []byte{0xff}, Session: "s"}),
			`{"LockIndex":0,"Key":"k","Flags":0,"Value":"/w==","Session":"s","CreateIndex":0,"ModifyIndex":0}`},
		{"absent fields are zero", record.TypeIndex, value(m{"Key": str("kvs")}), `{"Key":"kvs","Value":0}`},
		{"nil is a zero struct", record.TypeIndex, []byte{0xc0}, `{"Key":"","Value":0}`},
		{"unknown fields come last", record.TypeIndex, value(m{"Key": str("kvs"), "Zone": str("z"), "Age": {0x05}}),
			`{"Key":"kvs","Value":0,"Age":5,"Zone":"z"}`},
		{"unknown type, a map", 99, value(m{"b": {0xff}, "a": {0xc3}, "c": str("\xff")}), `{"a":true,"b":-1,"c":"/w=="}`},
		{"unknown type, keys that are no text", 99, []byte{0x82, 0x01, 0xc0, 0x81, 0xa4, 'N', 'a', 'm', 'e', 0xa1, 'w', 0x90}, `{"1":null,"w":[]}`},
		{"unknown type, a key of several fields", 99, append(append([]byte{0x81}, value(m{"Name": str("w"), "NS": str("n")})...), 0xc0),
			`{"{\"NS\":\"n\",\"Name\":\"w\"}":null}`},
		{"unknown type, a nested key", 99, []byte{0x81, 0x81, 0xa1, 'k', 0x91, 0x01, 0xc0}, `{"gaFrkQE=":null}`},
		{"unknown type, keys within keys", 99, []byte(strings.Repeat("\x81", 100) + "\x01" + strings.Repeat("\x02", 100)),
			`{"` + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x81", 99)+"\x01"+strings.Repeat("\x02", 99))) + `":2}`},
		{"legacy ACL", record.TypeLegacyACL, value(m{"ID": str("secret"), "Type": str("client")}), `{"ID":"secret","Type":"client"}`},
		{"largest numbers", 99, []byte{0x92, 0xcf, 255, 255, 255, 255, 255, 255, 255, 255, 0xd3, 128, 0, 0, 0, 0, 0, 0, 0},
			`[18446744073709551615,-9223372036854775808]`},
		{"floats of both widths", 99, []byte{0x92, 0xca, 0x3d, 0xcc, 0xcc, 0xcd, 0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0}, `[0.1,1.5]`},
		{"not a number", 99, []byte{0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 1}, `"NaN"`},
		{"unknown kind of config entry", record.TypeConfigEntry, str(string(str("rate-limit")) + string(value(m{"Entry": value(m{"Name": str("x")})}))),
			`{"Op":"","Datacenter":"","Entry":{"Name":"x"},"Token":""}`},
		{"virtual IP before 1.13", record.TypeServiceVirtualIP, value(m{"Service": value(m{"Name": str("web")}), "IP": str("\x00\x00\x00\x01")}),
			`{"Service":{"ServiceName":{"Name":""},"Peer":"","Name":"web"},"IP":"0.0.0.1","ManualIPs":null,"CreateIndex":0,"ModifyIndex":0}`},
		{"unknown protobuf field", record.TypePeeringSecrets, str("\x0a\x01p\x28\x07\x32\x01x"), `{"PeerID":"p","#5":7,"#6":"eA=="}`},
		{"chunks", record.TypeChunkingState, []byte("\x81\xa8ChunkMap\x81\x05\x91\xc0"), `{"ChunkMap":{"5":[null]}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Append([]byte("before "), record.Raw{Type: c.typ, Value: c.value})
			if err != nil || string(got) != "before "+c.want {
				t.Errorf("got %s, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

func TestMalformed(t *testing.T) {
	str := func(s string) []byte { return msgpack.AppendString(nil, s) }
	for _, c := range []struct {
		name  string
		typ   record.Type
		value []byte
		want  string
	}{
		{"wrong kind", record.TypeIndex, []byte("\x81\xa5Value\xa1x"), "Value: malformed msgpack"},
		{"cut", record.TypeKVS, []byte{0x87}, "cut short"},
		{"nothing", 99, nil, "cut short"},
		{"trailing", record.TypePeering, append(str(""), 0), "1 bytes after the value"},
		{"address of three bytes", record.TypeFreeVirtualIP, []byte("\x81\xa2IP\xa3abc"), "an IP address of 3 bytes"},
		{"config entry without a frame", record.TypeConfigEntry, str(string(str("mesh"))), "mesh: "},
		{"config entry and more", record.TypeConfigEntry, str(string(str("mesh")) + "\x80\x80"), "mesh: 1 bytes after the entry"},
		{"protobuf cut", record.TypePeering, str("\x0a\x09id"), "protobuf field 1"},
		{"protobuf text", record.TypePeering, str("\x0a\x01\xff"), "not UTF-8"},
		{"nested too deep", record.TypeConfigEntry, str(string(str("x")) + "\x81\xa5Entry" + strings.Repeat("\x91", 5000) + "\xc0"), "nested deeper"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Append([]byte("x"), record.Raw{Number: 3, Type: c.typ, Value: c.value})
			if !errors.Is(err, record.ErrCorrupt) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "record 3") {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
			if string(got) != "x" {
				t.Errorf("got %q behind a failure", got)
			}
		})
	}
}

func FuzzAppend(f *testing.F) {
	records(f, "consul-1.21.4/full.snap", func(raw record.Raw) { f.Add(byte(raw.Type), bytes.Clone(raw.Value)) })
	f.Fuzz(func(t *testing.T, typ byte, value []byte) {
		got, err := Append(nil, record.Raw{Type: record.Type(typ), Value: value})
		switch {
		case err == nil && !json.Valid(got):
			t.Errorf("%q is not JSON", got)
		case err != nil && !errors.Is(err, record.ErrCorrupt):
			t.Errorf("%v is not marked as corrupt", err)
		}
	})
}
