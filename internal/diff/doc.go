// Package diff tells in what two states differ: which objects one has and the other has not, and which both have with another content.
//
// [Compare] reads two streams of records and gives a [Result] with all [Change]s by family and name; each gives the full objects of both
// sides on demand. What an object is, and what of it counts, is the business of package object: indexes do not count unless they are asked
// for. A [Filter] says which objects are meant, in the words of -only. [Text] and [JSON] show a result to people and to programs, without
// secrets unless they are asked for: those of ACL tokens, queries, auth methods and of the servers are. What Lictor carries without
// interpreting it, such as config entries and certificate authorities, is shown by its digest.
//
// The first stream is read once if the two are equal and twice otherwise, the second one once. Memory grows with the number of objects in
// the first stream by a few dozen bytes for each, and with those that differ by a few more and their names. The records of what differs
// lie in a scratch file that the caller gives. With a filter, records that hold nothing of what is meant are not decoded.
//
// [Lines] shows the objects of one state in the same words.
//
// A result is nothing to go by before both streams have ended well: Compare returns an error and no result otherwise.
package diff
