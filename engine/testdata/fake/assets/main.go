// Command assets is a code location for tests: what it says and makes stands in files beside it, so that tests can say anything.
//
// describe.jsonl holds the messages that answer a describe. make.json maps an asset, or ASSET[PARTITION], to what becomes of it; error in it fails
// the process. What was asked is written to asked/ASSET.json and asked/ASSET[PARTITION].json, with "/" as "_".
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
	"strings"
	"time"
)

// A thing is what becomes of one asset.
type thing struct {
	Format   string            `json:"format"` // "" writes no outcome at all
	Text     string            `json:"text"`   // of the output
	Copy     string            `json:"copy"`   // a file that becomes the output
	Version  string            `json:"version"`
	Metadata map[string]any    `json:"metadata"`
	Checks   []json.RawMessage `json:"checks"` // messages
	Error    string            `json:"error"`
	Gate     string            `json:"gate"` // a file: the process writes it with the suffix .here, and waits until it is there itself
	Print    string            `json:"print"`
	Ask      string            `json:"ask"` // a question on standard output; the answer becomes metadata
}

type output struct{ Asset, Output string }

func main() {
	fd, err := strconv.Atoi(os.Getenv("ASSETDEV_FD"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "this is a code location for tests")
		os.Exit(2)
	}
	channel := os.NewFile(uintptr(fd), "channel")
	say := func(message any) {
		line, err := json.Marshal(message)
		check(err)
		_, err = channel.Write(append(line, '\n'))
		check(err)
	}
	say(map[string]any{"type": "hello", "hello": map[string]any{"protocol": 1, "sdk": "test 1", "pid": os.Getpid(), "reads": []string{"parquet"}, "writes": []string{"parquet"}}})
	line, err := bufio.NewReaderSize(channel, 1<<20).ReadBytes('\n')
	check(err)
	var request struct {
		Type, Asset, Output, Partition string
		Outputs                        []output
	}
	check(json.Unmarshal(line, &request))
	if request.Type == "describe" {
		said, err := os.ReadFile("describe.jsonl")
		check(err)
		_, err = channel.Write(said)
		check(err)
		if !bytes.Contains(said, []byte(`"definitions"`)) {
			say(map[string]any{"type": "definitions", "definitions": map[string]any{}})
		}
		return
	}
	check(os.MkdirAll("asked", 0o777))
	for _, name := range []string{request.Asset, request.Asset + "[" + request.Partition + "]"} {
		check(os.WriteFile("asked/"+strings.ReplaceAll(name, "/", "_")+".json", line, 0o666))
	}
	data, err := os.ReadFile("make.json")
	check(err)
	things := map[string]thing{}
	check(json.Unmarshal(data, &things))
	wanted := request.Outputs
	if len(wanted) == 0 {
		wanted = []output{{request.Asset, request.Output}}
	}
	var results []map[string]any
	failure := ""
	for _, w := range wanted {
		made, ok := things[w.Asset+"["+request.Partition+"]"]
		if !ok {
			made = things[w.Asset]
		}
		if made.Print != "" {
			fmt.Println(made.Print)
		}
		if made.Gate != "" {
			check(os.WriteFile(made.Gate+".here", nil, 0o666))
			for _, err := os.Stat(made.Gate); err != nil; _, err = os.Stat(made.Gate) {
				time.Sleep(5 * time.Millisecond)
			}
		}
		metadata := map[string]any{}
		maps.Copy(metadata, made.Metadata)
		if made.Ask != "" {
			fmt.Print(made.Ask)
			answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
			check(err)
			metadata["answer"] = strings.TrimSpace(answer)
		}
		for _, c := range made.Checks {
			say(c)
		}
		if made.Error != "" {
			failure = made.Error
		}
		switch made.Format {
		case "opaque", "parquet":
			text := []byte(made.Text)
			if made.Copy != "" {
				in, err := os.Open(made.Copy)
				check(err)
				text, err = io.ReadAll(in)
				check(err)
			}
			check(os.WriteFile(w.Output, text, 0o666))
		case "":
			continue
		}
		results = append(results, map[string]any{"asset": w.Asset, "format": made.Format, "rows": 0, "data_version": made.Version, "metadata": metadata})
	}
	switch {
	case failure != "":
		say(map[string]any{"type": "error", "error": map[string]any{"message": failure}})
	case len(request.Outputs) > 0:
		say(map[string]any{"type": "result", "result": map[string]any{"format": "none", "outputs": results}})
	default:
		say(map[string]any{"type": "metadata", "metadata": results[0]["metadata"]})
		say(map[string]any{"type": "result", "result": results[0]})
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
