package coordinate

import (
	"encoding/json"
	"errors"
	"fmt"

	serfcoordinate "github.com/hashicorp/serf/coordinate"

	"github.com/lictor-dr/lictor/internal/record"
)

// Dimensions is how many numbers the vector of a coordinate has.
const Dimensions = 8

// defaultPartition is a name for the one partition there is.
const defaultPartition = "default"

// An Entry is a node's coordinate in the form of the HTTP API.
type Entry struct {
	Node      string
	Segment   string
	Partition string                     `json:",omitempty"`
	Coord     *serfcoordinate.Coordinate // times are in seconds
}

// A Datacenter holds the coordinates of the servers of a datacenter in the form of the HTTP API.
type Datacenter struct {
	Datacenter  string
	AreaID      string // of the pool of servers that the coordinates belong to: wan
	Coordinates []Entry
}

// Entries returns the form of coordinates in the HTTP API, in the same order. It is never nil. Coordinates with a number that JSON cannot
// express are left out: they are of no use to anybody.
func Entries(coordinates []record.Coordinate) []Entry {
	entries := make([]Entry, 0, len(coordinates))
	for _, c := range coordinates {
		if coord := serf(c.Coord); coord.IsValid() {
			entries = append(entries, Entry{c.Node, c.Segment, c.Partition, coord})
		}
	}
	return entries
}

// Decode reads the body of an update: one [Entry]. Fields that it does not know are ignored. It refuses an update without a node, for
// a partition, and with a coordinate that fails [Check].
func Decode(body []byte) (*record.Coordinate, error) {
	var e Entry
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, err
	}
	switch {
	case e.Node == "":
		return nil, errors.New("update coordinate: the node is missing")
	case e.Partition != "" && e.Partition != defaultPartition:
		return nil, fmt.Errorf("update coordinate of node %q: partition %q: Partitions are a Consul Enterprise feature", e.Node, e.Partition)
	case e.Coord == nil:
		return nil, fmt.Errorf("update coordinate of node %q: the coordinate is missing", e.Node)
	}
	c := &record.Coordinate{Node: e.Node, Segment: e.Segment, Coord: record.Coord{
		Vec: e.Coord.Vec, Error: e.Coord.Error, Adjustment: e.Coord.Adjustment, Height: e.Coord.Height,
	}}
	if err := Check(c.Coord); err != nil {
		return nil, fmt.Errorf("update coordinate of node %q: %w", e.Node, err)
	}
	return c, nil
}

// Check returns an error unless c can be compared with other coordinates: it has the right number of dimensions, and all its numbers are
// finite.
func Check(c record.Coord) error {
	if len(c.Vec) != Dimensions {
		return fmt.Errorf("invalid coordinate: it has %d dimensions instead of %d", len(c.Vec), Dimensions)
	}
	if !serf(c).IsValid() {
		return errors.New("invalid coordinate: a number is infinite or none at all")
	}
	return nil
}

// serf returns c as Serf calculates with it. The vector is shared.
func serf(c record.Coord) *serfcoordinate.Coordinate {
	return &serfcoordinate.Coordinate{Vec: c.Vec, Error: c.Error, Adjustment: c.Adjustment, Height: c.Height}
}
