package main

import "embed"

// sdkFiles holds the source of the Go SDK as it was when this binary was built, with the module's own go.mod and go.sum. The module path is
// not published, so "assetdev demo" and "assetdev init --go" write the SDK beside the modules that need it; package demo picks what it
// wants of these files. The globs take tests along, which demo leaves out: a list of names would forget the next file.
//
//go:embed go.mod go.sum asset/*.go asset/assettest/*.go internal/wire/*.go
var sdkFiles embed.FS
