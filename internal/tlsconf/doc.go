// Package tlsconf is the TLS of an agent: of its HTTPS API, of the server port and of what it dials.
//
// It promises that
//   - what is loaded is whole: every file has been read and fits the others, or there is an error and nothing has changed;
//   - a reload holds for every handshake that begins after it, and for no connection that is open; no session is resumed, so that what
//     a new configuration does not trust does not come back on an old ticket;
//   - whoever is dialed shows a certificate of the configured authority, whatever else is asked for.
//
// It refuses a certificate without its key, verification without an authority to verify by, and to switch TLS on or off by a reload.
package tlsconf
