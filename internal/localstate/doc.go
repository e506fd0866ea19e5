// Package localstate is the registry of one agent: the services and checks registered with it, the state of those checks, and the
// work of keeping the catalog the same.
//
// What is registered over the API is written to the data directory and is there again after a restart; what comes from
// configuration files is not written, and beats what was. The directory's layout and the files' content are Consul's (services/,
// checks/, checks/state/), so that each can take over from the other. A file that cannot be read is logged and left alone.
//
// Anti-entropy compares the catalog with the registry at the start, about every minute and when asked to, and writes what differs;
// local changes are written at once. The agent owns its node in the catalog: what is registered there and not here is removed,
// except the service consul and the check serfHealth, which are the leader's. A registration that is refused for its token is logged
// and tried again with the next full comparison; other errors are retried sooner, with growing pauses.
//
// Records that are handed out are shared and must not be changed. A [State] owns its goroutines, one for each check and two of its
// own, until Close, which waits for them.
package localstate
