//go:build !unix

package blobstore

import (
	"errors"
	"syscall"
)

// isFull knows ERROR_HANDLE_DISK_FULL and ERROR_DISK_FULL of Windows.
func isFull(err error) bool {
	return errors.Is(err, syscall.Errno(39)) || errors.Is(err, syscall.Errno(112))
}
