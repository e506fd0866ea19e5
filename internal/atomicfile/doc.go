// Package atomicfile writes files that are either there as a whole, on stable storage, or not there at all.
//
// A File is written under a temporary name (NAME.tmp and digits) in the directory of its target, with mode 0600. Commit
// syncs it, renames it to its target, which it replaces without a question, and syncs the directory. Until then the
// target is untouched. Whatever goes wrong, a cancelled context included, the temporary file is removed; only a crash of
// the machine or a SIGKILL can leave one behind.
//
// Some mounts (NFS, FUSE, SMB) know neither chmod nor the sync of a directory. There the file is written nevertheless
// and the warning hook is told once, by Commit, what could not be done. Every other failure is an error.
package atomicfile
