// Package meshca shows the roots of the service mesh's certificate authority. Lictor serves no mesh and signs no certificates; it carries
// the authority of a restored archive unchanged. But agents and test harnesses of Consul wait for a root before they go on, so the
// roots are shown: those of the archive or, where there are none, one of the process's own. That one is made at start, its key is
// thrown away, and it is neither replicated nor part of a snapshot.
package meshca
