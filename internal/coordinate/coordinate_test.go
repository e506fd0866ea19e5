package coordinate

import (
	"encoding/json"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
	serfcoordinate "github.com/hashicorp/serf/coordinate"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

// fullCoordinates are the coordinates in full.snap, by node.
func fullCoordinates(t testing.TB) []record.Coordinate {
	t.Helper()
	r, err := record.NewReader(golden.State(t, "consul-1.21.4/full.snap"))
	if err != nil {
		t.Fatal(err)
	}
	var all []record.Coordinate
	for {
		raw, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if raw.Type != record.TypeCoordinates {
			continue
		}
		v, err := record.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, *v.(*record.Coordinates)...)
	}
}

func TestEntriesAreThoseOfConsul(t *testing.T) {
	var file struct {
		Responses map[string]struct{ Body any }
	}
	if err := json.Unmarshal(golden.Read(t, "consul-1.21.4/full.expected.json"), &file); err != nil {
		t.Fatal(err)
	}
	want, ok := file.Responses["GET /v1/coordinate/nodes"]
	if !ok {
		t.Fatal("the answer is not there")
	}
	text, err := json.Marshal(Entries(fullCoordinates(t)))
	if err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want.Body) {
		t.Errorf("got  %v\nwant %v", got, want.Body)
	}
}

func TestEntriesLeaveOutWhatJSONCannotExpress(t *testing.T) {
	bad := record.Coordinate{Node: "bad", Coord: record.Coord{Vec: []float64{math.NaN()}}}
	good := record.Coordinate{Node: "good", Segment: "s", Coord: record.Coord{Vec: []float64{1}}}
	text, err := json.Marshal(Entries([]record.Coordinate{bad, good}))
	const want = `[{"Node":"good","Segment":"s","Coord":{"Vec":[1],"Error":0,"Adjustment":0,"Height":0}}]`
	if err != nil || string(text) != want {
		t.Errorf("got %s, %v, want %s", text, err, want)
	}
	if text, err := json.Marshal(Entries(nil)); err != nil || string(text) != "[]" {
		t.Errorf("no coordinates are %s, %v", text, err)
	}
}

func TestDecode(t *testing.T) {
	const vec = `[1,2,3,4,5,6,7,8]`
	for _, c := range []struct{ name, body, wantErr string }{
		{"good", `{"Node":"a","Segment":"s","Nope":1,"Coord":{"Vec":` + vec + `,"Error":1.5,"Adjustment":-1,"Height":2}}`, ""},
		{"the one partition", `{"Node":"a","Segment":"s","Partition":"default",` +
			`"Coord":{"Vec":` + vec + `,"Error":1.5,"Adjustment":-1,"Height":2}}`, ""},
		{"another partition", `{"Node":"a","Partition":"b","Coord":{"Vec":` + vec + `}}`, "Enterprise"},
		{"no node", `{"Coord":{"Vec":` + vec + `}}`, "node is missing"},
		{"no coordinate", `{"Node":"a"}`, "coordinate is missing"},
		{"seven dimensions", `{"Node":"a","Coord":{"Vec":[1,2,3,4,5,6,7]}}`, "7 dimensions instead of 8"},
		{"no dimensions", `{"Node":"a","Coord":{}}`, "0 dimensions instead of 8"},
		{"too large a number", `{"Node":"a","Coord":{"Vec":[1e999,2,3,4,5,6,7,8]}}`, "1e999"},
		{"no JSON", `{`, "unexpected end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Decode([]byte(c.body))
			if c.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), c.wantErr) {
					t.Fatalf("error %v, want one with %q", err, c.wantErr)
				}
				return
			}
			want := &record.Coordinate{Node: "a", Segment: "s", Coord: record.Coord{
				Vec: []float64{1, 2, 3, 4, 5, 6, 7, 8}, Error: 1.5, Adjustment: -1, Height: 2,
			}}
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("got %+v, %v, want %+v", got, err, want)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	good := func() record.Coord { return record.Coord{Vec: make([]float64, Dimensions)} }
	for _, c := range []struct {
		name   string
		change func(*record.Coord)
		ok     bool
	}{
		{"good", func(*record.Coord) {}, true},
		{"nine dimensions", func(c *record.Coord) { c.Vec = append(c.Vec, 0) }, false},
		{"vector", func(c *record.Coord) { c.Vec[7] = math.NaN() }, false},
		{"error", func(c *record.Coord) { c.Error = math.Inf(1) }, false},
		{"adjustment", func(c *record.Coord) { c.Adjustment = math.Inf(-1) }, false},
		{"height", func(c *record.Coord) { c.Height = math.NaN() }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			coord := good()
			c.change(&coord)
			if err := Check(coord); (err == nil) != c.ok {
				t.Errorf("error %v", err)
			}
		})
	}
	if serfcoordinate.DefaultConfig().Dimensionality != Dimensions {
		t.Error("Serf has another number of dimensions")
	}
}

// A coordinate comes back to the official client as it was sent.
func TestOfficialClientRoundTrip(t *testing.T) {
	sent := api.CoordinateEntry{Node: "foo", Coord: serfcoordinate.NewCoordinate(serfcoordinate.DefaultConfig())}
	sent.Coord.Height = 0.5
	body, err := json.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := json.Marshal(Entries([]record.Coordinate{*c}))
	if err != nil {
		t.Fatal(err)
	}
	var got []api.CoordinateEntry
	if err := json.Unmarshal(answer, &got); err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], sent) {
		t.Errorf("got %+v, %v, want %+v", got, err, sent)
	}
}

func FuzzDecode(f *testing.F) {
	for _, e := range Entries(fullCoordinates(f)) {
		text, err := json.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := Decode(body)
		if err != nil {
			return
		}
		if err := Check(c.Coord); err != nil || c.Node == "" {
			t.Fatalf("let through %+v: %v", c, err)
		}
		if d := Distance([]record.Coordinate{*c}, []record.Coordinate{*c}); d < 0 || math.IsNaN(d) {
			t.Fatalf("%+v is %v s from itself", c, d)
		}
		if len(Entries([]record.Coordinate{*c})) != 1 {
			t.Fatalf("%+v has no JSON", c)
		}
	})
}
