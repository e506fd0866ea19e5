package agent

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/go-metrics"

	"github.com/lictor-dr/lictor/internal/agentconfig"
	"github.com/lictor-dr/lictor/internal/telemetry"
	"github.com/lictor-dr/lictor/internal/tlsconf"
)

// openTLS tells of certificates that end soon, now and once a day.
func (a *Agent) openTLS() error {
	ctx, stop := context.WithCancel(context.Background())
	a.expiry.stop = stop
	a.expiry.watching.Go(func() {
		daily := time.NewTicker(24 * time.Hour)
		defer daily.Stop()
		a.watchExpiry(ctx, daily.C)
	})
	return nil
}

// An expiryWatch tells of certificates that end soon.
type expiryWatch struct {
	stop     context.CancelFunc // nil unless it has begun
	watching sync.WaitGroup
}

// end ends the watch, and waits.
func (w *expiryWatch) end() {
	if w.stop != nil {
		w.stop()
	}
	w.watching.Wait()
}

// watchExpiry tells now and at each tick, until ctx is done.
func (a *Agent) watchExpiry(ctx context.Context, ticks <-chan time.Time) {
	for now := time.Now(); ; {
		a.warnExpiry(now)
		select {
		case now = <-ticks:
		case <-ctx.Done():
			return
		}
	}
}

func (a *Agent) warnExpiry(now time.Time) {
	for _, w := range a.tls.ExpiryWarnings(now) {
		a.log.Warn(w)
	}
}

// reloadTLS reads the certificates again, and takes over what a configuration says of verification. What cannot be taken over while the
// agent runs stays as it is, as with other settings.
func (a *Agent) reloadTLS(c *agentconfig.Config) error {
	err := a.tls.Reload(c.TLS)
	if errors.Is(err, tlsconf.ErrSwitch) {
		a.log.Warn("the configuration of TLS stays as it was", "reason", err)
		return nil
	}
	if err == nil {
		a.warnExpiry(time.Now())
	}
	return err
}

// recordExpiry records the time that is left to the certificate, if there is one.
func (a *Agent) recordExpiry(now time.Time) {
	if end, ok := a.tls.Expiry(); ok {
		metrics.SetGauge(telemetry.AgentTLSCertExpiry, float32(end.Sub(now).Seconds()))
	}
}

// tlsDebugConfig is the TLS in force as /v1/agent/self shows it.
func (b *backend) tlsDebugConfig() map[string]any {
	c := b.tls.Config()
	return map[string]any{
		"AutoTLS": false, "Domain": c.Domain, "EnableAgentTLSForChecks": c.UseForChecks, "NodeName": c.NodeName, "ServerMode": b.config.Server,
		"ServerName": c.ServerName, "InternalRPC": protocolDebugConfig(c.InternalRPC), "HTTPS": protocolDebugConfig(c.HTTPS),
	}
}

func protocolDebugConfig(p tlsconf.Protocol) map[string]any {
	key := ""
	if p.KeyFile != "" {
		key = "hidden"
	}
	return map[string]any{
		"CAFile": p.CAFile, "CAPath": p.CAPath, "CertFile": p.CertFile, "KeyFile": key, "CipherSuites": tlsconf.SuiteNames(p.CipherSuites),
		"TLSMinVersion": tlsconf.VersionName(p.MinVersion), "UseAutoCert": false, "VerifyIncoming": p.VerifyIncoming,
		"VerifyOutgoing": p.VerifyOutgoing, "VerifyServerHostname": p.VerifyServerHostname,
	}
}
