package recordjson

import (
	"fmt"

	"github.com/lictor-dr/lictor/internal/msgpack"
)

// appendConfigEntry encodes a config entry: a string that holds the kind, and then a map around the entry.
func appendConfigEntry(b, value []byte) ([]byte, error) {
	inner, err := stringContent(value)
	if err != nil {
		return b, err
	}
	d := msgpack.NewDecoder(inner)
	kind, err := d.Text()
	if err != nil {
		return b, fmt.Errorf("kind: %w", err)
	}
	frame, err := d.Raw()
	if err != nil {
		return b, fmt.Errorf("%s: %w", kind, err)
	}
	if d.More() {
		return b, malformed("%s: %d bytes after the entry", kind, len(inner)-d.Offset())
	}
	encode, ok := configShapes[string(kind)]
	if !ok {
		encode = configFrame(appendAny)
	}
	out, err := encodeAll(b, frame, encode)
	if err != nil {
		return b, fmt.Errorf("%s: %w", kind, err)
	}
	return out, nil
}

// stringContent returns the bytes of the string that value is.
func stringContent(value []byte) ([]byte, error) {
	d := msgpack.NewDecoder(value)
	inner, err := d.Bytes()
	if err == nil && d.More() {
		err = malformed("%d bytes after the value", len(value)-d.Offset())
	}
	return inner, err
}

// configFrame encodes the map around an entry.
func configFrame(entry encoder) encoder {
	head := func(name string, e encoder) field {
		return field{name: name, head: append(appendString(nil, name), ':'), absent: msgpack.AppendNil(nil), encode: e}
	}
	s := &structure{
		fields: []field{head("Op", appendText), head("Datacenter", appendText), head("Entry", unwrapped(entry)), head("Token", appendText)},
		byName: map[string]int{"Op": 0, "Datacenter": 1, "Entry": 2, "Token": 3},
	}
	return s.encode
}

// unwrapped reads an entry that stands inside a string, as those of the kind proxy-defaults do, or by itself.
func unwrapped(entry encoder) encoder {
	return func(b []byte, d *msgpack.Decoder) ([]byte, bool, error) {
		if d.Peek() != msgpack.String {
			return entry(b, d)
		}
		inner, err := d.Bytes()
		if err != nil {
			return b, false, err
		}
		out, err := encodeAll(b, inner, entry)
		return out, false, err
	}
}

func configShape[T any]() encoder { return configFrame(shape[T]()) }

var configShapes = map[string]encoder{
	"api-gateway":             configShape[apiGateway](),
	"bound-api-gateway":       configShape[boundAPIGateway](),
	"exported-services":       configShape[exportedServices](),
	"file-system-certificate": configShape[certificate](),
	"http-route":              configShape[httpRoute](),
	"ingress-gateway":         configShape[ingressGateway](),
	"inline-certificate":      configShape[certificate](),
	"jwt-provider":            configShape[jwtProvider](),
	"mesh":                    configShape[mesh](),
	"proxy-defaults":          configShape[proxyDefaults](),
	"service-defaults":        configShape[serviceDefaults](),
	"service-intentions":      configShape[serviceIntentions](),
	"service-resolver":        configShape[serviceResolver](),
	"service-router":          configShape[serviceRouter](),
	"service-splitter":        configShape[serviceSplitter](),
	"tcp-route":               configShape[tcpRoute](),
	"terminating-gateway":     configShape[terminatingGateway](),
}
