// Package msgpack reads and writes the dialect of msgpack that Consul's snapshots are made of: the old raw type for strings
// and byte strings alike, every struct a map of its field names in byte order, every integer in its shortest form.
//
// It promises three things that general msgpack libraries do not:
//
//   - Nothing is lost. A struct that has a field of type [Extra] keeps the map entries it does not know, byte for byte, and
//     writes them back at their place; nil and empty are kept apart; a [Raw] keeps any value untouched.
//   - Declared lengths are never trusted. [Walker] tells how far a value reaches in the bytes at hand, and asks for more only
//     as far as bytes have to arrive; decoding then works on bytes that are all there.
//   - The output is reproducible: Go maps are written in key order.
//
// Bad input is an error that wraps [ErrCorrupt] and names the place; it never panics, and it never allocates more than a small
// multiple of the input. Values nested deeper than [MaxDepth] are refused.
//
// The dialect is described in the Consul snapshot format, sections 2.2 to 2.6.
package msgpack
