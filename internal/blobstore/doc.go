// Package blobstore is where backups are kept: directories on local disk, and object stores.
package blobstore
