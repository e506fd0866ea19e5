package coordinate

import (
	"math"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
)

// at is a coordinate whose first number is x, in a segment.
func at(segment string, x, height, adjustment float64) record.Coordinate {
	return record.Coordinate{Segment: segment, Coord: record.Coord{
		Vec: []float64{x, 0, 0, 0, 0, 0, 0, 0}, Height: height, Adjustment: adjustment,
	}}
}

func TestDistance(t *testing.T) {
	short := record.Coordinate{Coord: record.Coord{Vec: []float64{1}}}
	type list = []record.Coordinate
	for _, c := range []struct {
		name string
		a, b list
		want float64 // seconds
	}{
		{"vector", list{at("", 0.010, 0, 0)}, list{at("", 0.050, 0, 0)}, 0.040},
		{"heights", list{at("", 0, 0.001, 0)}, list{at("", 0, 0.002, 0)}, 0.003},
		{"adjustments", list{at("", 0, 0.010, -0.001)}, list{at("", 0, 0.010, -0.002)}, 0.017},
		{"adjusted to nothing", list{at("", 0, 0.010, -1)}, list{at("", 0, 0.010, 0)}, 0.020},
		{"the segment in common", list{at("a", 5, 0, 0), at("b", 1, 0, 0)}, list{at("b", 3, 0, 0), at("c", 5, 0, 0)}, 2},
		{"the nearest of several", list{at("a", 0, 0, 0), at("b", 0, 0, 0)}, list{at("a", 3, 0, 0), at("b", 1, 0, 0)}, 1},
		{"no segment in common", list{at("a", 0, 0, 0)}, list{at("b", 0, 0, 0)}, Unknown},
		{"no coordinate", nil, list{at("", 0, 0, 0)}, Unknown},
		{"neither", nil, nil, Unknown},
		{"other dimensions", list{short}, list{at("", 0, 0, 0)}, Unknown},
		{"other dimensions, both", list{short}, list{short}, Unknown},
		{"no number", list{at("", math.NaN(), 0, 0)}, list{at("", 0, 0, 0)}, Unknown},
		{"infinite", list{at("", 0, math.Inf(1), 0)}, list{at("", 0, 0, 0)}, Unknown},
		{"beyond what can be calculated", list{at("", 1e300, 0, 0)}, list{at("", -1e300, 0, 0)}, Unknown},
		{"negative", list{at("", 0, -1, 0)}, list{at("", 0, -1, 0)}, Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, got := range []float64{Distance(c.a, c.b), Distance(c.b, c.a)} {
				if got != c.want && !(math.Abs(got-c.want) < 1e-8) {
					t.Errorf("got %v, want %v", got, c.want)
				}
			}
		})
	}
}

func TestSort(t *testing.T) {
	known := map[string][]record.Coordinate{
		"home": {at("", 0, 0.5, 0)}, "near": {at("", 0.1, 0, 0)}, "far": {at("", 0.9, 0, 0)}, "also-far": {at("", 0.9, 0, 0)},
	}
	for _, c := range []struct{ name, from, items, want string }{
		{"by distance", "home", "far near home", "home near far"},
		{"unknown last, in their order", "home", "x far y near z", "near far x y z"},
		{"equal in their order", "home", "far also-far near", "near far also-far"},
		{"equal in their order, turned", "home", "also-far far near", "near also-far far"},
		{"the node itself before a nearer one", "home", "near home", "home near"},
		{"the node itself in other letters", "HOME", "near Home", "Home near"},
		{"from an unknown node", "x", "far near x home", "x far near home"},
		{"one twice", "home", "far near far", "near far far"},
		{"none", "home", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			items := strings.Fields(c.items)
			Sort(items, c.from, func(s string) string { return s }, func(node string) []record.Coordinate { return known[strings.ToLower(node)] })
			if got := strings.Join(items, " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
