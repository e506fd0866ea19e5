// Package retryjoin joins a gossip pool, however long the pool takes to appear.
//
// An entry of retry_join is an address (a host name, an IP address, either with a port) or a question to a cloud in the syntax of
// hashicorp/go-discover, `provider=aws region=eu-west-1 tag_key=…`, whose answer is a list of addresses. The cloud is asked anew at every
// attempt, for its machines come and go; an entry that cannot be answered is logged and stops no other entry.
//
// The log shows an entry's provider and the names of its arguments, not what they say. A provider's own messages are logged at debug
// level; in them and in its errors the secrets of the entry and of the environment are masked.
//
// The clouds are aws, azure, gce and mdns. Entries for other ones are refused, and so are arguments that the provider does not read.
package retryjoin
