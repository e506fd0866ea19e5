package agent

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/hashicorp/serf/coordinate"

	"github.com/lictor-dr/lictor/internal/agenttoken"
)

// coordinateInterval is the time between two looks at where this agent is.
const coordinateInterval = 15 * time.Second

// startCoordinates tells the servers again and again where this agent is among the others, whenever that has changed.
func (a *Agent) startCoordinates() error {
	if a.config.DisableCoordinates {
		return nil
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	a.coordinates = func() {
		stop()
		<-done
	}
	go func() {
		defer close(done)
		var told *coordinate.Coordinate
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(coordinateInterval + rand.N(coordinateInterval/4)):
			}
			told = a.tellCoordinate(ctx, told)
		}
	}()
	return nil
}

// tellCoordinate tells where this agent is if that is not what it told last. It returns what is known to have been told.
func (a *Agent) tellCoordinate(ctx context.Context, told *coordinate.Coordinate) *coordinate.Coordinate {
	now, err := a.pool.Coordinate()
	if err != nil || told != nil && told.Height == now.Height && told.Adjustment == now.Adjustment && slices.Equal(told.Vec, now.Vec) {
		return told
	}
	if len(a.pool.Members()) == 1 {
		return told // there is nobody to be far from
	}
	token := a.tokens.Get(agenttoken.Agent)
	if token == "" {
		token = a.tokens.Get(agenttoken.Default)
	}
	update := struct {
		Node  string
		Coord *coordinate.Coordinate
	}{a.config.NodeName, now}
	if err := (&ownCatalog{a}).ask(ctx, http.MethodPut, "/v1/coordinate/update", token, update, nil); err != nil {
		a.log.Debug("telling the servers this agent's coordinate failed", "error", err)
		return told
	}
	return now
}
