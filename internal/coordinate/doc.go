// Package coordinate works with network coordinates: where nodes stand in a space in which distance is round-trip time. It estimates
// the time between two nodes, sorts things by it, and knows the JSON form of coordinates in the HTTP API.
//
// The arithmetic is Serf's. What is added is a notion of the unknown: nodes without a coordinate, without a network segment in common or
// with coordinates that do not fit together are infinitely far apart, and never an error. Restored coordinates are not trusted to be
// valid; those that a client sends are refused if they are not.
package coordinate
