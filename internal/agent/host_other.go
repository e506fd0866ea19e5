//go:build !linux

package agent

import (
	"errors"

	"github.com/lictor-dr/lictor/internal/httpapi"
)

var errNotTold = errors.New("is told on Linux only")

func describeSystem(*httpapi.HostSystem) error   { return errNotTold }
func hostMemory() (*httpapi.HostMemory, error)   { return nil, errNotTold }
func hostCPUs() ([]httpapi.HostCPU, error)       { return nil, errNotTold }
func hostDisk(string) (*httpapi.HostDisk, error) { return nil, errNotTold }
