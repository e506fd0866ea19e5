package healthcheck

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/hashicorp/go-cleanhttp"

	"github.com/lictor-dr/lictor/internal/definition"
)

// httpProbe asks an HTTP server: 2xx is passing, 429 warning, everything else critical.
func httpProbe(def *definition.Check, agent ClientTLS, limit int) probe {
	return func(ctx context.Context) (string, string) {
		transport := cleanhttp.DefaultTransport() // a connection for each request, so that the way to it is checked too
		transport.TLSClientConfig = agent.of(def)
		client := &http.Client{Transport: transport}
		if def.DisableRedirects {
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		}
		request, err := newRequest(ctx, def)
		if err != nil {
			return definition.Critical, err.Error()
		}
		answer, err := client.Do(request)
		if err != nil {
			return definition.Critical, err.Error()
		}
		defer answer.Body.Close()
		body := &tail{limit: limit}
		if _, err := io.Copy(body, answer.Body); err != nil && body.total == 0 {
			return definition.Critical, fmt.Sprintf("HTTP %s %s: %s, reading the body: %s", request.Method, def.HTTP, answer.Status, err)
		}
		return httpStatus(answer.StatusCode), fmt.Sprintf("HTTP %s %s: %s Output: %s", request.Method, def.HTTP, answer.Status, body)
	}
}

func httpStatus(code int) string {
	switch {
	case code >= 200 && code <= 299:
		return definition.Passing
	case code == http.StatusTooManyRequests:
		return definition.Warning
	}
	return definition.Critical
}

func newRequest(ctx context.Context, def *definition.Check) (*http.Request, error) {
	method := strings.ToUpper(def.Method)
	if method == "" {
		method = http.MethodGet
	}
	request, err := http.NewRequestWithContext(ctx, method, def.HTTP, strings.NewReader(def.Body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "Consul Health Check")
	request.Header.Set("Accept", "text/plain, text/*, */*")
	for name, values := range def.Header {
		request.Header.Del(name)
		for _, v := range values {
			request.Header.Add(name, v)
		}
	}
	if host := request.Header.Get("Host"); host != "" {
		request.Host = host
	}
	return request, nil
}
