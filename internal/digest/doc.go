// Package digest compares streams of records whatever their order: it sums up each type of record in a [Set], and names the records
// that make two streams differ.
//
// The digest of a record is the SHA-256 of its type and of its value in canonical form, in which the order of map pairs does not
// count but everything else does. The digest of a type is the sum of its records' digests modulo 2^256, so that it depends on
// which records there are, and how often, but not on their order. It guards against accidents, not against forgers.
//
// The canonical form is made from bytes by the walk over msgpack alone. It shares nothing with the typed structs, so that a fault in
// one of those shows as a difference.
package digest
