package agent

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/hashicorp/serf/serf"

	"github.com/lictor-dr/lictor/internal/gossip"
	"github.com/lictor-dr/lictor/internal/httpapi"
)

// keyring is the gossip keys of the pools that an agent is in.
type keyring struct {
	lan, wan   *gossip.Pool // wan is nil unless the agent is in that pool
	datacenter string
}

// Keyring is the gossip keys.
func (b *backend) Keyring() httpapi.Keyring { return keyring{b.pool, b.wan, b.config.Datacenter} }

// The errors of a pool without encryption. Encryption cannot be switched on by installing a key.
var (
	errNoKeys    = errors.New("Keyring is empty (encryption not enabled)")
	errNoKeyring = errors.New("No keyring to modify (encryption not enabled)")
)

// pools are those with encryption, that of all datacenters first.
func (k keyring) pools() (list []*gossip.Pool) {
	for _, pool := range []*gossip.Pool{k.wan, k.lan} {
		if pool != nil && pool.Encrypted() {
			list = append(list, pool)
		}
	}
	return list
}

func (k keyring) List(relayFactor uint8, localOnly bool) (list []httpapi.KeyringPool, err error) {
	for _, pool := range k.pools() {
		if localOnly && pool == k.wan {
			continue
		}
		response, err := pool.Keys().ListKeysWithOptions(relayed(relayFactor))
		if err != nil {
			return nil, keyFailure(response, err)
		}
		list = append(list, httpapi.KeyringPool{
			WAN: pool == k.wan, Datacenter: k.datacenter, Messages: response.Messages, Keys: response.Keys, PrimaryKeys: response.PrimaryKeys,
			NumNodes: response.NumNodes,
		})
	}
	if len(list) == 0 {
		return nil, errNoKeys
	}
	return list, nil
}

func (k keyring) Install(key string, relayFactor uint8) error {
	return k.change((*serf.KeyManager).InstallKeyWithOptions, key, relayFactor)
}

func (k keyring) Use(key string, relayFactor uint8) error {
	return k.change((*serf.KeyManager).UseKeyWithOptions, key, relayFactor)
}

func (k keyring) Remove(key string, relayFactor uint8) error {
	return k.change((*serf.KeyManager).RemoveKeyWithOptions, key, relayFactor)
}

// keyChange is a method of a key manager.
type keyChange func(*serf.KeyManager, string, *serf.KeyRequestOptions) (*serf.KeyResponse, error)

func (k keyring) change(do keyChange, key string, relayFactor uint8) error {
	pools := k.pools()
	if len(pools) == 0 {
		return errNoKeyring
	}
	if _, err := gossip.DecodeKey(key); err != nil {
		return &badKey{err}
	}
	var errs []error
	for _, pool := range pools {
		response, err := do(pool.Keys(), key, relayed(relayFactor))
		errs = append(errs, keyFailure(response, err))
	}
	return errors.Join(errs...)
}

func relayed(factor uint8) *serf.KeyRequestOptions {
	return &serf.KeyRequestOptions{RelayFactor: factor}
}

// badKey is the error of what is not a key.
type badKey struct{ error }

// HTTPStatus is the status of the answer: the request is wrong.
func (*badKey) HTTPStatus() int { return http.StatusBadRequest }

// keyFailure adds to the error of a change or a listing what the members told. It is nil without an error.
func keyFailure(response *serf.KeyResponse, err error) error {
	if err == nil {
		return nil
	}
	if response.NumErr == 0 && response.NumResp < response.NumNodes {
		err = fmt.Errorf("%w: the others did not answer in time; repeat this once all members are alive", err)
	}
	var told []string
	for _, node := range slices.Sorted(maps.Keys(response.Messages)) {
		message, _, _ := strings.Cut(response.Messages[node], ": [") // an answer that cannot be read may hold keys
		told = append(told, node+": "+message)
	}
	if len(told) == 0 {
		return err
	}
	return fmt.Errorf("%w: %s", err, strings.Join(told, "; "))
}
