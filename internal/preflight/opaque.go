package preflight

import (
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// configKinds are the kinds of config entries that Consul 1.21.4 Community Edition restores.
var configKinds = []string{
	"service-defaults", "proxy-defaults", "service-router", "service-splitter", "service-resolver", "ingress-gateway",
	"terminating-gateway", "service-intentions", "mesh", "exported-services", "api-gateway", "bound-api-gateway",
	"inline-certificate", "file-system-certificate", "http-route", "tcp-route", "jwt-provider",
}

// isMalformed tells whether an error of this file says that bytes do not decode, rather than that a rule is broken.
func isMalformed(err error) bool { return errors.Is(err, msgpack.ErrCorrupt) }

// opaque checks that a record which Lictor carries without interpreting it decodes into the fields that Consul has for it.
func (c *Checker) opaque(o *record.Opaque) error {
	switch o.Type {
	case record.TypeConfigEntry:
		return c.configEntry(o.Value)
	case record.TypePeering:
		return message(o.Value, 1, 2, 3, 7, 8, 9, 10, 18)
	case record.TypePeeringTrustBundle:
		return message(o.Value, 1, 2, 3, 4, 5)
	case record.TypePeeringSecrets:
		return message(o.Value, 1)
	case record.TypeResource:
		return message(o.Value, 3, 4)
	case record.TypeServiceVirtualIP:
		return virtualIP(o.Value)
	case record.TypeChunkingState:
		return chunkingState(o.Value)
	}
	if shape := shapeOf(o.Type); shape != nil {
		return msgpack.Unmarshal(o.Value, shape)
	}
	return nil
}

// configEntry checks the frame of a config entry: a string that holds the kind and then a map around the entry.
func (c *Checker) configEntry(value []byte) error {
	inner, err := msgpack.NewDecoder(value).Bytes()
	if err != nil {
		return err
	}
	d := msgpack.NewDecoder(inner)
	kind, err := d.Text()
	if err != nil {
		return fmt.Errorf("kind: %w", err)
	}
	var frame struct {
		Datacenter, Op, Token string
		Entry                 msgpack.Raw
	}
	if err := d.Decode(&frame); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	if err := entry(frame.Entry); err != nil {
		return fmt.Errorf("%s: Entry: %w", kind, err)
	}
	if !slices.Contains(configKinds, string(kind)) {
		if c.unknownKinds == nil {
			c.unknownKinds = map[string]int64{}
		}
		c.unknownKinds[string(kind)]++
		return fmt.Errorf("invalid config entry kind: %s", kind)
	}
	return nil
}

// entry checks the fields that all kinds have. The map stands inside a string for the kind proxy-defaults.
func entry(raw msgpack.Raw) error {
	if len(raw) > 0 && msgpack.KindOf(raw[0]) == msgpack.String {
		inner, err := msgpack.NewDecoder(raw).Bytes()
		if err != nil {
			return err
		}
		raw = inner
	}
	var common struct {
		CreateIndex, ModifyIndex, Hash uint64
		Kind, Name                     string
		Meta                           map[string]string
	}
	return msgpack.Unmarshal(raw, &common)
}

// message checks that value is a string with a well-formed protobuf message whose text fields are valid UTF-8.
func message(value []byte, text ...protowire.Number) error {
	b, err := msgpack.NewDecoder(value).Bytes()
	if err != nil {
		return err
	}
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("%w: protobuf: %v", msgpack.ErrCorrupt, protowire.ParseError(n))
		}
		size := protowire.ConsumeFieldValue(num, typ, b[n:])
		if size < 0 {
			return fmt.Errorf("%w: protobuf field %d: %v", msgpack.ErrCorrupt, num, protowire.ParseError(size))
		}
		if typ == protowire.BytesType && slices.Contains(text, num) {
			if s, _ := protowire.ConsumeBytes(b[n:]); !utf8.Valid(s) {
				return fmt.Errorf("%w: protobuf field %d is not valid UTF-8", msgpack.ErrCorrupt, num)
			}
		}
		b = b[n+size:]
	}
	return nil
}

// virtualIP takes both forms of Service: {Peer, ServiceName {Name}} since 1.13, {Name} before.
func virtualIP(value []byte) error {
	var shape struct {
		CreateIndex, ModifyIndex uint64
		IP                       []byte
		ManualIPs                []string
		Service                  struct {
			Name, Peer  string
			ServiceName struct{ Name string }
		}
	}
	if err := msgpack.Unmarshal(value, &shape); err != nil {
		return err
	}
	if shape.Service.Name == "" && shape.Service.ServiceName.Name == "" {
		return errors.New("the service name of a virtual IP is empty")
	}
	return nil
}

// chunkingState checks {ChunkMap: {uint64: [chunk or nil]}}.
func chunkingState(value []byte) error {
	var shape struct{ ChunkMap msgpack.Raw }
	if err := msgpack.Unmarshal(value, &shape); err != nil {
		return err
	}
	if len(shape.ChunkMap) == 0 {
		return nil
	}
	d := msgpack.NewDecoder(shape.ChunkMap)
	n, _, err := d.MapHead()
	for i := 0; err == nil && i < n; i++ {
		if _, err = d.Uint(64); err != nil {
			break
		}
		var chunks []*struct {
			Data                   []byte
			NumChunks, SequenceNum uint32
			OpNum, Term            uint64
		}
		err = d.Decode(&chunks)
	}
	return err
}

// shapeOf returns a struct with the fields that Consul decodes a record of type t into.
func shapeOf(t record.Type) any {
	switch t {
	case record.TypeIntention:
		return new(intentionShape)
	case record.TypeConnectCA:
		return new(caRootShape)
	case record.TypeCAProviderState:
		return new(struct {
			CreateIndex, ModifyIndex                   uint64
			ID, IntermediateCert, PrivateKey, RootCert string
		})
	case record.TypeCAConfig:
		return new(struct {
			ClusterID, Provider      string
			Config                   map[string]msgpack.Raw
			CreateIndex, ModifyIndex uint64
			ForceWithoutCrossSigning bool
			State                    map[string]string
		})
	case record.TypeFederationState:
		return new(federationShape)
	case record.TypeFreeVirtualIP:
		return new(struct {
			IP        []byte
			IsCounter bool
		})
	}
	return nil
}

type intentionShape struct {
	Action, Description, DestinationNS, DestinationName, DestinationPartition, ID string
	SourceNS, SourceName, SourcePartition, SourcePeer, SourceSamenessGroup        string
	SourceType, DefaultAddr                                                       string
	CreateIndex, ModifyIndex                                                      uint64
	CreatedAt, UpdatedAt                                                          time.Time
	Hash                                                                          []byte
	Meta                                                                          map[string]string
	Precedence, DefaultPort                                                       int
}

type caRootShape struct {
	Active                                          bool
	CreateIndex, ModifyIndex, SerialNumber          uint64
	ExternalTrustDomain, ID, Name, PrivateKeyType   string
	RootCert, SigningCert, SigningKey, SigningKeyID string
	IntermediateCerts                               []string
	NotAfter, NotBefore, RotatedOutAt               time.Time
	PrivateKeyBits                                  int
}

type federationShape struct {
	Datacenter, Op, Token string
	State                 struct {
		CreateIndex, ModifyIndex, PrimaryModifyIndex uint64
		Datacenter                                   string
		MeshGateways                                 []msgpack.Raw
		UpdatedAt                                    time.Time
	}
}
