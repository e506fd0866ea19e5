package userevent

import (
	"encoding/json"
	"testing"

	"github.com/hashicorp/consul/api"
)

// clientIndex is the index as the Go client computes it.
func clientIndex(t testing.TB, id string) uint64 {
	t.Helper()
	client, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	return client.Event().IDToIndex(id)
}

func TestIndexIsTheClients(t *testing.T) {
	for _, id := range []string{
		"b54fe110-7af5-cafc-d1fb-afc8ba432b1c", "00000000-0000-0000-0000-000000000000",
		"ffffffff-ffff-ffff-0000-000000000001", "B54FE110-7AF5-CAFC-D1FB-AFC8BA432B1C",
	} {
		got, err := Index(id)
		if want := clientIndex(t, id); err != nil || got != want {
			t.Errorf("Index(%s) = %d, %v, want %d", id, got, err, want)
		}
	}
}

func TestIndexOfNoUUID(t *testing.T) {
	for _, id := range []string{
		"", "x", "b54fe110-7af5-cafc-d1fb-afc8ba432b1", "b54fe1107-af5-cafc-d1fb-afc8ba432b1c", "b54fe110-7af5-cafc-d1fb-afc8ba432b1g",
	} {
		if got, err := Index(id); err == nil {
			t.Errorf("Index(%q) = %d", id, got)
		}
	}
}

func FuzzIndex(f *testing.F) {
	f.Add("b54fe110-7af5-cafc-d1fb-afc8ba432b1c")
	f.Add("+54fe110-7af5-cafc-d1fb-afc8ba432b1c")
	f.Fuzz(func(t *testing.T, id string) {
		if got, err := Index(id); err == nil && got != clientIndex(t, id) {
			t.Errorf("Index(%q) = %d, the client says otherwise", id, got)
		}
	})
}

func TestJSON(t *testing.T) {
	tests := []struct {
		name  string
		event Event
		want  string
	}{
		{
			"full", Event{
				ID: "b54fe110-7af5-cafc-d1fb-afc8ba432b1c", Name: "deploy", Payload: []byte("1609030"),
				NodeFilter: "n", ServiceFilter: "s", TagFilter: "t", Version: 1, LTime: 19,
			},
			`{"ID":"b54fe110-7af5-cafc-d1fb-afc8ba432b1c","Name":"deploy","Payload":"MTYwOTAzMA==",` +
				`"NodeFilter":"n","ServiceFilter":"s","TagFilter":"t","Version":1,"LTime":19}`,
		},
		{"empty", Event{}, `{"ID":"","Name":"","Payload":null,"NodeFilter":"","ServiceFilter":"","TagFilter":"","Version":0,"LTime":0}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := json.Marshal(tt.event)
			if err != nil || string(got) != tt.want {
				t.Errorf("got %s, %v\nwant %s", got, err, tt.want)
			}
		})
	}
}
