// Package nameless makes temporary files that have no name: they are unlinked as soon as they are open, so that nothing of them is left
// behind whatever ends the process, and nobody else opens them. They have mode 0600, for what lies in them is as secret as a snapshot.
//
// Where an open file cannot be unlinked, Close removes it.
package nameless
