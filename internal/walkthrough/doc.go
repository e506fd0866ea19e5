// Package walkthrough holds the tests that walk through docs/operations.md and docs/migrating-from-consul-snapshot.md: the document itself
// is the script. Every command that it shows is run, in its order, against real servers, and must print what it shows. A command that is
// added is run; one that stops working, or prints something else, fails.
//
//	go test -tags heavy ./internal/walkthrough
//	go test -tags heavy -v -run '/^5' ./internal/walkthrough -draft      # one section, for who writes it: all differences at once
//
// LICTOR_WALK_BINARY names a lictor to test instead of one that is built first.
//
// The document's machines are directories here. What is changed in a command before it is run, and in the text that it must print:
//
//   - The addresses 10.0.0.N become addresses of the loopback interface, which Linux has 16 million of, and 127.0.0.1 that of the
//     machine whose prompt it is. So ports are the real ones.
//   - Paths below /etc/lictor and /var/lib/lictor, and the home directory, go into the machine's own directory.
//   - systemctl starts, stops and signals `lictor agent -config-dir=/etc/lictor`, as the unit in contrib/systemd does; journalctl is what
//     that has printed; scp copies to the directory of the other machine.
//   - IDs, keys and serial numbers are others on each run: where the document shows one for the first time, the one that was
//     printed there takes its place, also in later commands. A reader does the same.
//
// In what is printed, times, durations, numbers of more than one digit and the width of columns may differ, and which server leads;
// … stands for anything, a line of it for any lines. A command that only looks is repeated until it shows what it should, for a minute.
//
// Comments in the document that begin with "walk:" are for this test, and invisible to readers: a file to write, a machine that is lost, a
// server that is there already, an archive of the real consul-snapshot. What runs on in the background has its number in a file *.pid.
package walkthrough
