// Package telemetry collects what the process measures of itself, and hands it out: as JSON and as a stream by
// intervals of ten seconds, to Prometheus, and to statsd, statsite and DogStatsD.
//
// Whoever measures calls the functions of github.com/hashicorp/go-metrics, as Raft does, with one of the keys that
// stand in this package, or with one of its own:
//
//	defer metrics.MeasureSince(telemetry.KVSApply, time.Now())
//
// What happens often, with few values of its labels, is measured by a [Timer] at a small part of the cost. Timers
// are in milliseconds. The prefix ("consul") is put in front of a key by Setup's object, and so is the name of the
// host for a gauge, unless that is disabled. Before Setup nothing is collected, and measuring costs next to
// nothing.
//
// go-metrics knows one global object. Setup installs one that hands every measurement to all Telemetry objects that
// are open, each with its own prefix, host name, filter and outputs. So several agents may run in one process, as
// they do in tests; they share what is measured by way of the global object, because nobody can tell whose it is.
// What Close has returned from gets nothing more.
//
// The package promises that a value which JSON cannot carry (NaN, infinity) never breaks an answer: it is left out of
// JSON, and stands as it is in the text for Prometheus. An output that cannot be reached never holds up who measures:
// what it cannot take is dropped, and the log says that it fails. What statsd or statsite had not been sent when Close
// was called, a tenth of a second's worth, is lost.
//
// It refuses addresses of outputs that can never work.
package telemetry
