package userevent

import (
	"reflect"
	"testing"
)

func TestWire(t *testing.T) {
	for _, e := range []Event{
		{ID: "b54fe110-7af5-cafc-d1fb-afc8ba432b1c", Name: "deploy", Version: 1, LTime: 7},
		{ID: "b54fe110-7af5-cafc-d1fb-afc8ba432b1c", Name: "e", NodeFilter: "n", ServiceFilter: "s", TagFilter: "t", Payload: []byte{0, 255}, Version: 1},
	} {
		b := e.Encode()
		if got, err := Decode(e.Name, b, e.LTime); err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%+v, %v", got, err)
		}
		for n := range b {
			if got, err := Decode(e.Name, b[:n], e.LTime); err == nil {
				t.Errorf("cut to %d bytes: %+v", n, got)
			}
		}
		if _, err := Decode(e.Name, append(b, 0), e.LTime); err == nil {
			t.Error("a byte behind the event was not seen")
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("e", Event{ID: "b54fe110-7af5-cafc-d1fb-afc8ba432b1c", NodeFilter: "n", Payload: []byte("p"), Version: 1}.Encode())
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		e, err := Decode(name, b, 1)
		if err != nil {
			return
		}
		if again, err := Decode(name, e.Encode(), 1); err != nil || !reflect.DeepEqual(again, e) {
			t.Errorf("%+v became %+v, %v", e, again, err)
		}
	})
}
