// Package preparedquery is what prepared queries mean: which definitions are valid, how they look as JSON, which query a name stands
// for, and what it finds. Where queries are stored, and how requests and answers travel, is the business of others: they hand in what is
// needed through [Queries] and [Source].
//
//   - [Decode] and [Validate] read and check a definition, [Form] is its JSON form.
//   - [Lookup] resolves an ID or name, and fills in a template.
//   - [Execute] finds the healthy instances that a query asks for, here or, if there are none, in other datacenters.
//
// It promises that nothing a query asks for is left out silently. What cannot be honoured, services of cluster peers and sameness
// groups, is refused in new definitions and again when a restored query is executed. A failover target that is a peer is passed
// over, and the log says so. A query's token never appears in a log or an error.
package preparedquery
