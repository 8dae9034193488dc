// Command assetdev is the terminal workbench for data assets whose code lives in several repositories.
package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/assetdev/assetdev/cli"
	"github.com/assetdev/assetdev/engine"
	"github.com/assetdev/assetdev/internal/child"
	"github.com/assetdev/assetdev/internal/garbage"
	"github.com/assetdev/assetdev/tui"

	_ "github.com/assetdev/assetdev/tui/noquery" // before Bubble Tea, which would ask the terminal for its background
)

// version is set by release builds with -ldflags "-X main.version=…".
var version = "0.1.0-dev"

func main() {
	if child.IsRole() {
		garbage.Steady() // its memory is bounded
	} else {
		garbage.SteadyAfter(2 * time.Second)
	}
	if code, isRole := child.Dispatch(); isRole {
		os.Exit(code)
	}
	os.Exit(cli.Main(cli.Program{Version: version, Screen: screen, SDK: sdkFiles, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}, os.Args[1:]))
}

// screen runs the terminal UI on an opened workspace.
func screen(ctx context.Context, e *engine.Engine, o cli.ScreenOptions) ([]string, error) {
	return show(ctx, e, o)
}

func show(ctx context.Context, front engine.Front, o cli.ScreenOptions) ([]string, error) {
	summary, err := tui.Run(ctx, front, tui.Options{
		In: os.Stdin, Out: os.Stdout, ASCII: o.ASCII, NoColor: o.NoColor, Mouse: o.Mouse, Theme: o.Theme, Keys: o.Keys, Editor: o.Editor, Select: o.Select, Bell: o.Bell, Version: o.Version,
		StatePath: filepath.Join(o.StateDir, "screen.json"),
	})
	if err == nil && summary.Interrupted {
		err = context.Canceled
	}
	return summary.Lines, err
}
