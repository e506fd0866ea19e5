// Package healthcheck runs health checks: it asks over HTTP or TCP, runs a script, or waits to be told within a TTL, and reports
// what the outcome means.
//
// A [Poller] runs its check at its interval, for the first time after a random part of it, so that the checks of an agent do not
// all run at once. An outcome becomes a report only after as many in a row as the definition asks for. A [TTL] reports critical once
// it has not been told anything for its TTL. Both own one goroutine from Start to Stop; Stop waits for it, and no report is made
// after Stop has returned.
//
// Outputs are bounded: the last bytes are kept. Scripts run in a process group of their own, which is killed as a whole when the time
// is over. Whether scripts may run at all is decided by the caller.
package healthcheck
