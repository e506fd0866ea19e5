// Package kvjson reads lists of keys as Consul's HTTP API writes them, and as consul-snapshot stores them: arrays of JSON objects, which may have
// hundreds of thousands of elements.
//
// [Elements] cuts an array into its elements while it arrives, so that memory does not grow with it. [Entry] reads an element in the form that
// servers write, several times as fast as encoding/json; what has another form is left to that. Tests hold both against it.
package kvjson
