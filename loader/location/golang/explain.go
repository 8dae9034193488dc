package golang

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/assetdev/assetdev/internal/wire"
	"github.com/assetdev/assetdev/loader/location"
)

// place is "file:line:column: message" as the compiler and the go command print it.
var place = regexp.MustCompile(`^(?:vet: |go: )?(\S[^:]*\.(?:go|mod|work|sum|c|h|s)):(\d+)(?::(\d+))?: (.+)$`)

// command is a line that tells what to type.
var command = regexp.MustCompile(`^\s+(go (?:get|mod|work) \S.*)$`)

// explainBuild reads what go build or go env printed before it failed. Message is "" when it printed nothing. Relative files are
// relative to dir.
func explainBuild(output, dir string) *location.Error {
	e := &location.Error{Trace: strings.TrimRight(wire.Cut(output, 64<<10), "\n")}
	more, unused := 0, false
	var commands []string
	for line := range strings.SplitSeq(e.Trace, "\n") {
		if m := command.FindStringSubmatch(line); m != nil {
			commands = append(commands, m[1])
			continue
		}
		if m := place.FindStringSubmatch(line); m != nil {
			if e.File != "" {
				more++
				if !unused {
					continue
				}
			}
			// What is not used is often a consequence of a mistake further down.
			if unused = strings.Contains(m[4], " and not used"); unused && e.File != "" {
				continue
			}
			e.File, e.Message = below(dir, m[1]), m[4]
			e.Line, _ = strconv.Atoi(m[2])
			e.Column, _ = strconv.Atoi(m[3])
			continue
		}
		line = strings.TrimSpace(line)
		if e.Message == "" && line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "go: downloading ") {
			e.Message = strings.TrimPrefix(line, "go: ")
		}
	}
	e.Message = strings.TrimSuffix(e.Message, ":")
	if before, _, ok := strings.Cut(e.Message, "; to add"); ok {
		e.Message = before
	}
	if more > 0 {
		e.Message += fmt.Sprintf(" (and %d more)", more)
	}
	e.Hint = hint(e.Message, dir, commands)
	return e
}

func hint(message, dir string, commands []string) string {
	has := func(words string) bool { return strings.Contains(message, words) }
	switch {
	case len(commands) > 0:
		return "cd " + dir + " && " + strings.Join(commands, " && ")
	case has("updates to go.mod needed"), has("missing go.sum entry"):
		return "cd " + dir + " && go mod tidy"
	case has("inconsistent vendoring"):
		return "cd " + dir + " && go mod vendor"
	case has("(running go ") && has("requires go"):
		return "install the Go version that go.mod asks for, or let go fetch it: GOTOOLCHAIN=auto"
	case has("is not in std"):
		return "an import path without a dot in its first part is looked for in the standard library: write it as go.mod names the module"
	case has("no Go files in"), has("build constraints exclude all Go files"):
		return "package_name must name the folder whose func main calls asset.Main(…)"
	case has("function main is undeclared"):
		return "the program needs a func main whose last statement is asset.Main(…)"
	case has("is not in your go.mod file"), has("main module ") && has("does not contain package"), has("not in the module"):
		return "a package of another module is built from there: correct working_directory or package_name of this location"
	case has("cannot find main module"), has("go.mod file not found"):
		return "cd " + dir + " && go mod init NAME"
	case has("directory not found"), has("cannot find package"):
		return "correct package_name of this location in the workspace file"
	case has("C compiler"), has("cgo: "):
		return "install a C compiler, or build without cgo: CGO_ENABLED=0 in the environment of this location"
	}
	return ""
}

// frame is the line of a stack trace that names a file.
var frame = regexp.MustCompile(`^\t(/.+\.go):(\d+)(?: \+0x[0-9a-f]+)?$`)

// explainPanic finds the first panic or fatal error of the Go runtime and, as its place, the innermost frame of the user's files.
func explainPanic(stderr string, roots []string) (location.Error, bool) {
	var e location.Error
	for line := range strings.SplitSeq(stderr, "\n") {
		switch {
		case e.Message == "":
			for _, words := range []string{"panic: ", "fatal error: ", "runtime: goroutine stack exceeds"} {
				if strings.HasPrefix(line, words) {
					e.Message = wire.Cut(strings.TrimSpace(line), 1000)
				}
			}
		case e.File == "":
			m := frame.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			for _, root := range roots {
				if rel, err := filepath.Rel(root, m[1]); err == nil && filepath.IsLocal(rel) && !strings.Contains(rel, "vendor/") {
					e.File = m[1]
					e.Line, _ = strconv.Atoi(m[2])
				}
			}
		}
	}
	return e, e.Message != ""
}
