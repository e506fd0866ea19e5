// Package consulsnapshot does what consul-snapshot (github.com/pshima/consul-snapshot) does, in its place: it backs up the keys, the
// prepared queries and the ACLs of a Consul datacenter into its archives, under its names, told what to do by its environment variables;
// and it gets such archives back, from where it puts them.
//
// [Environment] reads the variables, [Backups.Take] makes one backup, a [Daemon] makes them by an interval, with /health and /metrics, and
// [Fetch] opens an archive for a restore. What an archive looks like is the business of package kvarchive.
//
// # Promises
//
//   - All documents of a backup come out of one native snapshot, and so are of one moment, if the token may take one. With a lesser token
//     keys are listed and read in transactions; that is told, and what is missing with it.
//   - A backup is whole or it fails: no part of it is left out because it could not be read. What the token may not see, or is not
//     asked for, is told.
//   - A backup without any key is a failure, unless the configuration says that an empty store is right.
//   - An archive is read back to its last entry before it is kept anywhere, and compared by its SHA-256 with what each store gives back.
//     The marker key is written after that, and only then. A store that lets archives be written but not be read is the one exception, and
//     is told.
//   - No two backups of a host have the same name, also if several processes make them.
//   - Whatever ends a backup, signals among it, leaves no scratch file, and no object that was not proven. What SIGKILL leaves is mode 0600
//     and swept by the next backup.
//   - One of several daemons makes the backups: who holds [LockKey]. A token that may not hold a lock is no reason to make none: each makes
//     them then, and says so.
//
// # Refusals
//
// Variables that are no use are refused when they are read, not when the first backup is due. A path of LOCAL_DIR that leads out of it is
// refused, through links too. An archive that is to be encrypted and is larger than kvarchive.MaxSealed is refused.
package consulsnapshot
