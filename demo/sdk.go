package demo

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"text/template"
)

// The SDK is written as a module of assetdev's own path, whose go.mod names only what the SDK needs.

const (
	modulePath = "github.com/assetdev/assetdev"
	arrow      = "github.com/apache/arrow/go/v17"
)

// sdkFolders are the packages of the SDK, without their tests. assettest needs Parquet, but only tests of assets link it.
var sdkFolders = []string{"asset", "asset/assettest", "internal/wire"}

// sdkModules are the modules with the packages that sdkFolders import, directly and indirectly.
var sdkModules = []string{
	arrow,
	"github.com/JohnCGriffin/overflow",
	"github.com/andybalholm/brotli",
	"github.com/apache/thrift",
	"github.com/goccy/go-json",
	"github.com/golang/snappy",
	"github.com/google/flatbuffers",
	"github.com/klauspost/compress",
	"github.com/klauspost/cpuid/v2",
	"github.com/pierrec/lz4/v4",
	"github.com/zeebo/xxh3",
	"golang.org/x/exp",
	"golang.org/x/net",
	"golang.org/x/sync",
	"golang.org/x/sys",
	"golang.org/x/text",
	"golang.org/x/xerrors",
	"google.golang.org/genproto/googleapis/rpc",
	"google.golang.org/grpc",
	"google.golang.org/protobuf",
}

const sdkReadme = `# assetdev's Go SDK

A copy of the packages asset, asset/assettest and internal/wire, written by the assetdev that wrote this folder, under assetdev's licence.
The module path github.com/assetdev/assetdev is not published, so go.mod files beside this folder point here with a replace directive.
Nothing in here is meant to be edited.
`

// An sdk is the source of the SDK, ready to be written.
type sdk struct {
	files    map[string][]byte // by path in the SDK's folder
	goSum    []byte            // for modules that use it, too
	goLine   string            // the go directive
	requires []string          // "path version", Arrow first
}

// readSDK picks the SDK out of the root of assetdev's module.
func readSDK(source fs.FS) (sdk, error) {
	if source == nil {
		return sdk{}, errors.New("this assetdev carries no source of the SDK")
	}
	s := sdk{files: map[string][]byte{"README.md": []byte(sdkReadme)}}
	for _, folder := range sdkFolders {
		names, err := fs.Glob(source, folder+"/*.go")
		if err != nil {
			return sdk{}, fmt.Errorf("source of the SDK: %w", err)
		}
		if len(names) == 0 {
			return sdk{}, fmt.Errorf("source of the SDK: there is no %s", folder)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			if s.files[name], err = fs.ReadFile(source, name); err != nil {
				return sdk{}, fmt.Errorf("source of the SDK: %w", err)
			}
		}
	}
	for _, name := range []string{"LICENSE", "NOTICE"} {
		switch text, err := fs.ReadFile(source, name); {
		case err == nil:
			s.files[name] = text
		case !errors.Is(err, fs.ErrNotExist):
			return sdk{}, fmt.Errorf("source of the SDK: %w", err)
		}
	}
	mod, err := fs.ReadFile(source, "go.mod")
	if err == nil {
		err = s.readMod(string(mod))
	}
	if err != nil {
		return sdk{}, fmt.Errorf("source of the SDK: %w", err)
	}
	sum, err := fs.ReadFile(source, "go.sum")
	if err != nil {
		return sdk{}, fmt.Errorf("source of the SDK: %w", err)
	}
	for line := range strings.Lines(string(sum)) {
		if module, _, _ := strings.Cut(line, " "); slices.Contains(sdkModules, module) {
			s.goSum = append(s.goSum, line...)
		}
	}
	s.files["go.sum"] = s.goSum
	var text bytes.Buffer
	fmt.Fprintf(&text, "module %s\n\ngo %s\n\nrequire %s\n\nrequire (\n", modulePath, s.goLine, s.requires[0])
	for _, module := range s.requires[1:] {
		fmt.Fprintf(&text, "\t%s // indirect\n", module)
	}
	text.WriteString(")\n")
	s.files["go.mod"] = text.Bytes()
	return s, nil
}

// readMod reads the go directive and the versions of sdkModules from assetdev's own go.mod.
func (s *sdk) readMod(text string) error {
	versions := map[string]string{}
	for line := range strings.Lines(text) {
		words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		switch {
		case len(words) >= 2 && words[0] == "go":
			s.goLine = words[1]
		case len(words) >= 2 && strings.HasPrefix(words[1], "v"):
			versions[words[0]] = words[1]
		}
	}
	if s.goLine == "" {
		return errors.New("go.mod has no go directive")
	}
	for _, module := range sdkModules {
		version, ok := versions[module]
		if !ok {
			return fmt.Errorf("go.mod does not require %s", module)
		}
		s.requires = append(s.requires, module+" "+version)
	}
	return nil
}

var goModTemplate = template.Must(template.ParseFS(embedded, "go.mod.tmpl"))

// goMod returns the go.mod file of a module that uses the SDK, which lies at the path dir relative to it.
func (s sdk) goMod(module, dir string) ([]byte, error) {
	var b bytes.Buffer
	err := goModTemplate.Execute(&b, map[string]any{"Module": module, "Go": s.goLine, "SDK": modulePath, "Dir": dir, "Indirect": s.requires})
	return b.Bytes(), err
}

func sorted(files map[string][]byte) []string { return slices.Sorted(maps.Keys(files)) }

// moduleName makes a module path of the name of a folder.
func moduleName(folder string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '-', r == '_':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		default:
			return '-'
		}
	}, folder)
	if name = strings.Trim(name, "-_"); name == "" {
		name = "assets"
	}
	return path.Join("example.com", name)
}
