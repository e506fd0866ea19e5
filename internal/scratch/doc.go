// Package scratch keeps archives on local disk while they are looked at. A file belongs to the process that made it, which holds a lock on
// it; files that nobody holds are what killed processes left, and are removed by the next that opens the directory. So several
// processes may share one. Files are mode 0600: an archive holds every secret of a cluster.
package scratch
