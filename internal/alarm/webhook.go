package alarm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/lictor-dr/lictor/internal/version"
)

// A Webhook is a URL that is requested.
type Webhook struct {
	URL     string // may hold a secret
	URLFile string // read for each request, instead of URL
	Method  string // default POST; the event is the body of a POST or PUT
	Headers map[string]string
	// SecretHeader is a header whose value is what SecretFile holds, without white space around it. It is read for each request.
	SecretHeader string
	SecretFile   string
}

// client has connections of its own: what hangs there concerns nobody else.
var client = &http.Client{
	Transport:     http.DefaultTransport.(*http.Transport).Clone(),
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Do requests the URL.
func (w *Webhook) Do(ctx context.Context, e *Event) error {
	request, err := w.request(ctx, e)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		var of *url.Error // names the URL, which may hold a secret
		if errors.As(err, &of) {
			err = of.Err
		}
		return fmt.Errorf("request to %s: %w", request.URL.Hostname(), err)
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10) // so that the connection can be used again
	switch code := response.StatusCode; {
	case code/100 == 2:
		return nil
	case code/100 == 4 && code != http.StatusRequestTimeout && code != http.StatusTooManyRequests:
		return &refusal{fmt.Errorf("%s answered %s", request.URL.Hostname(), response.Status)}
	case code/100 == 3:
		return &refusal{fmt.Errorf("%s answered %s: redirects are not followed, name the URL that they lead to", request.URL.Hostname(),
			response.Status)}
	default:
		return fmt.Errorf("%s answered %s", request.URL.Hostname(), response.Status)
	}
}

func (w *Webhook) request(ctx context.Context, e *Event) (*http.Request, error) {
	address := w.URL
	if w.URLFile != "" {
		text, err := secret(w.URLFile)
		if err != nil {
			return nil, err
		}
		address = text
	}
	if err := CheckURL(address); err != nil {
		return nil, err
	}
	method := w.Method
	if method == "" {
		method = http.MethodPost
	}
	var body io.Reader
	if method != http.MethodGet {
		data, err := e.body()
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, errors.New("the request cannot be made: is the URL one?")
	}
	request.Header.Set("User-Agent", "lictor/"+version.Lictor)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range w.Headers {
		request.Header.Set(name, value)
	}
	if w.SecretHeader != "" {
		value, err := secret(w.SecretFile)
		if err != nil {
			return nil, err
		}
		request.Header.Set(w.SecretHeader, value)
	}
	return request, nil
}

// CheckURL tells whether a hook may request a URL: it is absolute, http or https. The error does not repeat it.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return errors.New("not a URL that begins with http:// or https:// and a host")
	}
	return nil
}

// Host is the host of a URL, which can be shown; empty if there is none.
func Host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// secret is what a file holds.
func secret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	value := strings.TrimSpace(string(text))
	if value == "" || strings.ContainsAny(value, "\r\n\x00") {
		return "", fmt.Errorf("read the secret: %s must hold one line", path)
	}
	return value, nil
}
