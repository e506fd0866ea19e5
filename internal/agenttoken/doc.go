// Package agenttoken holds the agent's own tokens: what it signs its registrations and reads with, and what counts for requests that
// bring none. They come from the configuration or over the API (PUT /v1/agent/token/KIND); the latter win, and are kept in a file of
// the data directory if the operator asks for that. Secrets are in that file, which only its owner may read, and nowhere else.
package agenttoken
