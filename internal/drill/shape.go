package drill

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/hashicorp/go-msgpack/v2/codec"
)

// What the archive should be answered for is worked out without the codec that is on trial: records are decoded into maps by the
// library that Consul itself uses, and a shape says which of their fields the API shows, and how.

var generic = func() *codec.MsgpackHandle {
	h := &codec.MsgpackHandle{}
	h.RawToString = true
	h.MapType = reflect.TypeFor[map[string]any]()
	return h
}()

// plain decodes the value of a record into maps, slices, strings, numbers and bools.
func plain(value []byte) (v any, err error) {
	err = codec.NewDecoderBytes(value, generic).Decode(&v)
	return v, err
}

// A part makes of a value of an archive what the API shows of it. A value that is not of the kind that it expects stays as it is.
type part func(v any) any

// A shape is the fields that the API shows of a struct, by the name that they have in both.
type shape map[string]part

// shaped makes a shape of names that are shown as they are, and of others.
func shaped(names string, others shape) shape {
	s := shape{}
	for _, name := range strings.Fields(names) {
		s[name] = asIs
	}
	for name, p := range others {
		s[name] = p
	}
	return s
}

// show returns the fields of m that the API shows.
func (s shape) show(m map[string]any) map[string]any {
	shown := make(map[string]any, len(s))
	for name, p := range s {
		if v, ok := m[name]; ok {
			shown[name] = p(v)
		}
	}
	return shown
}

func asIs(v any) any { return v }

// inside is the part for a struct in a struct.
func inside(s shape) part {
	return func(v any) any {
		if m, ok := v.(map[string]any); ok {
			return s.show(m)
		}
		return v
	}
}

// every is the part for a list or a map of structs.
func every(s shape) part {
	each := inside(s)
	return func(v any) any {
		switch v := v.(type) {
		case []any:
			shown := make([]any, len(v))
			for i, x := range v {
				shown[i] = each(x)
			}
			return shown
		case map[string]any:
			shown := make(map[string]any, len(v))
			for name, x := range v {
				shown[name] = each(x)
			}
			return shown
		}
		return v
	}
}

// asBase64 is the part for bytes.
func asBase64(v any) any {
	switch v := v.(type) {
	case string:
		return base64.StdEncoding.EncodeToString([]byte(v))
	case []byte: // the form that no version of Consul has written
		return base64.StdEncoding.EncodeToString(v)
	}
	return v
}

// asDuration is the part for a time in nanoseconds that the API shows as text.
func asDuration(v any) any {
	n, ok := nanoseconds(v)
	if !ok || n == 0 {
		return nil
	}
	return time.Duration(n).String()
}

// asSeconds is asDuration for what the API shows in whole seconds.
func asSeconds(v any) any {
	n, ok := nanoseconds(v)
	if !ok || n == 0 {
		return nil
	}
	return time.Duration(n).Round(time.Second).String()
}

func nanoseconds(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case uint64:
		return int64(v), true
	}
	return 0, false
}

// asTime is the part for a moment, which archives hold as the bytes of Go's binary form.
func asTime(v any) any {
	s, ok := v.(string)
	if !ok {
		return v
	}
	var t time.Time
	if err := t.UnmarshalBinary([]byte(s)); err != nil {
		return fmt.Sprintf("no time: %v", err)
	}
	return t.Format(time.RFC3339Nano)
}

// asWeights is the part for the weights of an instance, which the API never leaves out: 1 and 1 if there are none.
func asWeights(v any) any {
	m, _ := v.(map[string]any)
	if isEmpty(m["Passing"]) && isEmpty(m["Warning"]) {
		return map[string]any{"Passing": 1, "Warning": 1}
	}
	return weights.show(m)
}

// The API's objects. Fields that it does not show are secrets of the cluster, or are compared in the tables alone.
var (
	kvEntry = shaped("CreateIndex Flags Key LockIndex ModifyIndex Session", shape{"Value": asBase64})

	session = shaped("Behavior Checks CreateIndex ID LockDelay ModifyIndex Name Node NodeChecks TTL", shape{
		"ServiceChecks": every(shaped("ID Namespace", nil)),
	})

	node = shaped("ID Node Address Datacenter TaggedAddresses CreateIndex ModifyIndex", nil)

	weights     = shaped("Passing Warning", nil)
	meshGateway = inside(shaped("Mode", nil))

	service = shaped("Address CreateIndex EnableTagOverride ID Kind Meta ModifyIndex PeerName Port Service SocketPath Tags", shape{
		"Connect":         inside(shaped("Native SidecarService", nil)),
		"Locality":        inside(shaped("Region Zone", nil)),
		"Proxy":           inside(proxy),
		"TaggedAddresses": every(shaped("Address Port", nil)),
		"Weights":         asWeights,
	})

	proxy = shaped("Config DestinationServiceID DestinationServiceName LocalServiceAddress LocalServicePort LocalServiceSocketPath Mode MutualTLSMode", shape{
		"AccessLogs":      inside(shaped("DisableListenerLogs Enabled JSONFormat Path TextFormat Type", nil)),
		"EnvoyExtensions": every(shaped("Arguments ConsulVersion EnvoyVersion Name Required", nil)),
		"Expose": inside(shaped("Checks", shape{
			"Paths": every(shaped("ListenerPort LocalPathPort ParsedFromCheck Path Protocol", nil)),
		})),
		"MeshGateway":      meshGateway,
		"TransparentProxy": inside(shaped("DialedDirectly OutboundListenerPort", nil)),
		"Upstreams": every(shaped("CentrallyConfigured Config Datacenter DestinationName DestinationNamespace DestinationPartition DestinationPeer "+
			"DestinationType IngressHosts LocalBindAddress LocalBindPort LocalBindSocketMode LocalBindSocketPath", shape{"MeshGateway": meshGateway})),
	})

	check = shaped("CheckID CreateIndex ExposedPort Interval ModifyIndex Name Node Notes Output PeerName ServiceID ServiceName ServiceTags "+
		"Status Timeout Type", shape{"Definition": inside(definition)})

	definition = shaped("AliasNode AliasService Body DisableRedirects DockerContainerID GRPC GRPCUseTLS H2PING H2PingUseTLS HTTP Header Method "+
		"OSService OutputMaxSize ScriptArgs SessionName Shell TCP TCPUseTLS TLSServerName TLSSkipVerify UDP", shape{
		"DeregisterCriticalServiceAfter": asDuration, "Interval": asDuration, "TTL": asDuration, "Timeout": asDuration,
	})

	coordinate = shaped("Node Partition Segment", shape{"Coord": inside(shaped("Adjustment Error Height Vec", nil))})

	query = shaped("CreateIndex ID ModifyIndex Name Session Token", shape{
		"DNS":      inside(shaped("TTL", nil)),
		"Template": inside(shaped("Regexp RemoveEmptyTags Type", nil)),
		"Service": inside(shaped("Connect IgnoreCheckIDs Near NodeMeta OnlyPassing Peer SamenessGroup Service ServiceMeta Tags", shape{
			"Failover": inside(shaped("Datacenters NearestN", shape{"Targets": every(shaped("Datacenter Peer", nil))})),
		})),
	})

	links       = every(shaped("ID Name", nil))
	rightsParts = shape{
		"Hash":              asBase64,
		"NodeIdentities":    every(shaped("Datacenter NodeName", nil)),
		"Policies":          links,
		"Roles":             links,
		"ServiceIdentities": every(shaped("Datacenters ServiceName", nil)),
		"TemplatedPolicies": every(shaped("Datacenters TemplateID TemplateName", shape{"TemplateVariables": variables})),
	}
	// variables have other names in archives than in the API.
	variables = func(v any) any {
		if m, ok := v.(map[string]any); ok {
			return map[string]any{"name": m["Name"]}
		}
		return v
	}

	token = shaped("AccessorID AuthMethod CreateIndex Description ExpirationTTL Local ModifyIndex SecretID", shape{
		"CreateTime": asTime, "ExpirationTime": asTime,
	}).with(rightsParts)
	policy     = shaped("CreateIndex Datacenters Description ID ModifyIndex Name Rules", shape{"Hash": asBase64})
	role       = shaped("CreateIndex Description ID ModifyIndex Name", rightsParts)
	rule       = shaped("AuthMethod BindName BindType CreateIndex Description ID ModifyIndex Selector", shape{"BindVars": variables})
	authMethod = shaped("Config CreateIndex Description DisplayName ModifyIndex Name TokenLocality Type", shape{"MaxTokenTTL": asSeconds})
	autopilot  = shaped("CleanupDeadServers CreateIndex DisableUpgradeMigration MaxTrailingLogs MinQuorum ModifyIndex RedundancyZoneTag UpgradeVersionTag", shape{
		"LastContactThreshold": asDuration, "ServerStabilizationTime": asDuration,
	})
)

// with returns s with the parts of another shape.
func (s shape) with(more shape) shape {
	for name, p := range more {
		s[name] = p
	}
	return s
}
