// Package blobstore is where backups are kept: directories on local disk, and object stores.
//
// A [Store] keeps whole objects under flat names. [Dir] is a directory. [S3], [Azure] and [GCS] are the object stores, through
// gocloud.dev/blob; [OpenURL] opens any of them by a URL. All behave alike, which internal/storetest holds them to:
//
//   - An object is there as a whole or not at all. A Put that fails, is cancelled, or is given fewer or more bytes than announced leaves
//     the old object, or none.
//   - A Put that succeeds is durable as far as the store promises it: a directory is synced, an object store has acknowledged.
//   - Memory is bounded whatever the size of an object: about 20 MiB for an upload, less for the rest.
//   - A connection that moves no byte for three minutes is given up; what can be tried again is tried again, three times or so, but
//     nothing is retried after the context is done.
//   - Errors name the step, the object and what to do. Neither they nor Location nor String contain secrets.
//
// Object stores are used below a key prefix, "consul-snapshot" unless another is given, so that a bucket can be shared with other
// things; the prefix "/" is the bucket itself. What lies deeper than the prefix, or under names that [CheckName] refuses, is not listed;
// [ListBelow] and [GetBelow] read what other programs keep there.
//
// Its tests run on servers of internal/storetest, and with the build tag clients on real ones, which the go command and npm fetch:
// versitygw, fake-gcs-server and Azurite. LICTOR_TEST_VERSITYGW and LICTOR_TEST_FAKE_GCS_SERVER name programs to use instead:
//
//	go test -tags clients -run TestServer ./internal/blobstore
//
// The package refuses names with slashes, and secrets in URLs. It knows nothing of archives, entries and retention: see internal/inventory.
package blobstore
