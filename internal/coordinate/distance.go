package coordinate

import (
	"math"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/record"
)

// Unknown is the distance between nodes of which nothing better is known.
var Unknown = math.Inf(1)

// Distance estimates the round-trip time in seconds between two nodes by their coordinates, of which each node has one per network
// segment. Only coordinates of the same segment are compared; of several pairs the nearest counts. It is [Unknown] if there is none.
func Distance(a, b []record.Coordinate) float64 {
	nearest := Unknown
	for i := range a {
		for j := range b {
			if a[i].Segment == b[j].Segment && a[i].Partition == b[j].Partition {
				nearest = min(nearest, between(a[i].Coord, b[j].Coord))
			}
		}
	}
	return nearest
}

func between(a, b record.Coord) float64 {
	if Check(a) != nil || Check(b) != nil {
		return Unknown
	}
	d := serf(a).DistanceTo(serf(b))
	if d < 0 { // too far for a time.Duration, or heights that no client measures
		return Unknown
	}
	return d.Seconds()
}

// Sort sorts items by the distance of their nodes from the node from, the nearest first: what is on that very node leads, what is
// unknown comes last, and items equally far keep their order. Names of nodes are compared without case. node tells the node of an
// item, coordinates what is known of a node.
func Sort[T any](items []T, from string, node func(T) string, coordinates func(node string) []record.Coordinate) {
	origin := coordinates(from)
	distances := map[string]float64{strings.ToLower(from): -1}
	distance := func(item T) float64 {
		name := strings.ToLower(node(item))
		d, known := distances[name]
		if !known {
			d = Distance(origin, coordinates(node(item)))
			distances[name] = d
		}
		return d
	}
	slices.SortStableFunc(items, func(a, b T) int {
		da, db := distance(a), distance(b)
		switch {
		case da < db:
			return -1
		case da > db:
			return 1
		}
		return 0
	})
}
