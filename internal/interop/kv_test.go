//go:build unix

package interop

import (
	"bytes"

	"github.com/hashicorp/consul/api"
)

func fillKV(c *api.Client) error {
	pairs := []*api.KVPair{
		{Key: "interop/text", Value: []byte("hello")},
		{Key: "interop/flags", Value: []byte("1"), Flags: 1<<64 - 1},
		{Key: "interop/empty"},
		{Key: "interop/folder/"},
		{Key: "interop/binary", Value: []byte{0, 1, 0xfe, 0xff, '\n'}},
		{Key: "interop/schlüssel mit leerzeichen/✓ %2F?", Value: []byte("ü")},
		{Key: "interop/large", Value: bytes.Repeat([]byte("0123456789abcdef"), 512<<10/16)},
		{Key: "interop/gone", Value: []byte("soon")},
		{Key: "interop/text", Value: []byte("hello again")},
	}
	err := each(pairs, func(p *api.KVPair) error {
		_, err := c.KV().Put(p, nil)
		return err
	})
	if err == nil {
		_, err = c.KV().Delete("interop/gone", nil)
	}
	return err
}

func readKV(c *api.Client) (any, error) {
	pairs, _, err := c.KV().List("interop/", consistent())
	return pairs, err
}
