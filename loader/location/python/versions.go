package python

import (
	"context"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/wire"
	"github.com/assetdev/assetdev/loader/location"
)

// CodeVersions counts all own code as one.
func (l *Location) CodeVersions(ctx context.Context, assets []wire.Asset) (map[string]location.Version, error) {
	build, err := l.Build(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]location.Version{"": {Code: graph.Code{Version: "py0:" + build}}}
	for _, a := range assets {
		v := location.Version{Code: graph.Code{Version: "py0:" + build, Coarse: "all code of the location counts"}, File: a.File, Line: a.Line}
		if a.CodeVersion != "" {
			v.Code = graph.Code{Version: a.CodeVersion, Author: true}
		}
		out[a.Key] = v
	}
	return out, nil
}
