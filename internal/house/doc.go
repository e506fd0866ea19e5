// Package house holds tests of the house's rules: which package may import which, and how code is laid out and
// documented. It has no code of its own. CONTRIBUTING.md says what the rules are for; the tests say what to do
// when one is broken.
package house
