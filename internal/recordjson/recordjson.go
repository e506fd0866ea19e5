package recordjson

import (
	"reflect"

	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// Append appends the JSON form of the value of raw to b. Keys of maps are sorted, so that equal records give equal text.
func Append(b []byte, raw record.Raw) ([]byte, error) {
	out, err := appendValue(b, raw)
	if err != nil {
		return b, raw.Fault(err)
	}
	return out, nil
}

func appendValue(b []byte, raw record.Raw) ([]byte, error) {
	switch raw.Type {
	case record.TypeConfigEntry:
		return appendConfigEntry(b, raw.Value)
	case record.TypePeering:
		return appendMessage(b, raw.Value, peering)
	case record.TypePeeringTrustBundle:
		return appendMessage(b, raw.Value, trustBundle)
	case record.TypePeeringSecrets:
		return appendMessage(b, raw.Value, peeringSecrets)
	case record.TypeResource:
		return appendMessage(b, raw.Value, resource)
	}
	encode := appendAny
	if shape, ok := shapes[raw.Type]; ok {
		encode = shape
	}
	return encodeAll(b, raw.Value, encode)
}

// shapes are the structures of the records that are plain msgpack.
var shapes = map[record.Type]encoder{
	record.TypeRegister:         shape[register](),
	record.TypeKVS:              shape[kvEntry](),
	record.TypeTombstone:        shape[kvEntry](),
	record.TypeSession:          shape[session](),
	record.TypeCoordinates:      shape[[]coordinate](),
	record.TypePreparedQuery:    shape[preparedQuery](),
	record.TypeAutopilot:        shape[autopilot](),
	record.TypeIntention:        shape[intention](),
	record.TypeConnectCA:        shape[caRoot](),
	record.TypeCAProviderState:  shape[caProviderState](),
	record.TypeCAConfig:         shape[caConfig](),
	record.TypeIndex:            shape[index](),
	record.TypeACLToken:         shape[aclToken](),
	record.TypeACLPolicy:        shape[aclPolicy](),
	record.TypeACLRole:          shape[aclRole](),
	record.TypeACLBindingRule:   shape[aclBindingRule](),
	record.TypeACLAuthMethod:    shape[aclAuthMethod](),
	record.TypeChunkingState:    shape[chunkingState](),
	record.TypeFederationState:  shape[federationStateRequest](),
	record.TypeSystemMetadata:   shape[systemMetadata](),
	record.TypeServiceVirtualIP: shape[serviceVirtualIP](),
	record.TypeFreeVirtualIP:    shape[freeVirtualIP](),
}

func shape[T any]() encoder { return newEncoder(reflect.TypeFor[T]()) }

// encodeAll encodes the one value that value holds. It is walked first, which bounds how deep the encoders can recurse.
func encodeAll(b, value []byte, encode encoder) ([]byte, error) {
	if _, err := msgpack.Length(value); err != nil {
		return b, err
	}
	d := msgpack.NewDecoder(value)
	b, _, err := encode(b, d)
	if err == nil && d.More() {
		err = malformed("%d bytes after the value", len(value)-d.Offset())
	}
	return b, err
}
