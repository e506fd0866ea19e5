// Package snapshotagent is the scheduled, highly available backup of a Consul cluster: `lictor snapshot agent`.
//
// One of several agents leads, which a lock in the cluster's KV store decides. It takes a snapshot when it has become the leader, and then
// by an interval. A backup counts once it has come through this, in this order: the snapshot is streamed to a scratch file; that is
// read to its last record; it is uploaded to every destination, read back from there and compared; it is rebuilt in a throw-away engine,
// by a child process, and what that holds is compared with what was read; its entry is written beside it. That is the commit point.
// What is to be encrypted is rebuilt before that, and is uploaded, read back and compared encrypted.
// What fails its proof, or does not come back as it was, is set aside and the run is tried once more at once. What was uploaded and could
// not be committed stays until there is a newer backup.
//
// A destination that fails does not hold up the others, and is brought up to date when it is back. After the lock may have been lost
// nothing is committed or removed before it has been read again. After a run that failed nothing is removed at all, after a failure of a
// destination nothing there, and nothing anywhere after the state has collapsed, until an operator says that it was meant to.
//
// How old the state is that each destination gives back is known at any time, by the clock that says more, and compared with an objective, if
// there is one. Hooks, /health, metrics and the check in Consul tell what is wrong: a run that failed, an objective that is missed, a lock that
// cannot be had, a newest backup that is damaged. That nothing is deleted any more is told by hooks, metrics and the text of /health, but the
// backups are good. Nothing waits for hooks.
//
// A run never overlaps another, nor the catching up of a destination. Directories are locked against other processes. A run for which there is
// too little space, by the size of the last backup, ends before the cluster is asked.
package snapshotagent
