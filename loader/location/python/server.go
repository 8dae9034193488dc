package python

import (
	"context"

	"github.com/assetdev/assetdev/internal/child"
)

// Servers holds the fork servers of a workspace, one for each environment.
type Servers struct{}

// ServerOptions say where servers keep what they learn.
type ServerOptions struct {
	CacheDir string   // a folder outside the repositories, absolute
	Env      []string // environment of the servers; nil is that of this process
}

// NewServers starts nothing.
func NewServers(o ServerOptions) *Servers { return &Servers{} }

func (s *Servers) learn(e Environment, modules []string) {}

func (s *Servers) worker(ctx context.Context, e Environment, lib string, env []string) (start func(child.Command) (*child.Process, error), done func()) {
	return nil, nil
}

// Close ends all servers and waits for them.
func (s *Servers) Close() error { return nil }
