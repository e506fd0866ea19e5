// Package certauthority makes the certificates by which the agents of a cluster know each other: a certificate authority, and what it
// signs for servers, client agents and the command line.
//
// Keys are ECDSA on P-256, serial numbers are random, everything is PEM. An authority may also be somebody else's, RSA included; what it
// issues is checked against it before it is handed out, so that a certificate whose names the authority must not sign for, or whose
// authority has expired, is an error and never a file.
//
// A [Pair] is written as a whole: the key with mode 0600, nothing that exists is ever overwritten, and whoever interrupts the writing finds
// neither file.
package certauthority
