// Command misbehave speaks assetdev's protocol by hand, with the standard library only, and misbehaves as the environment variable
// LOCATIONTEST says. See package locationtest for the behaviours.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type object = map[string]any

var behaviour = os.Getenv("LOCATIONTEST")

var channel *os.File

func say(m object) {
	line, err := json.Marshal(m)
	if err == nil {
		_, err = channel.Write(append(line, '\n'))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(9)
	}
}

func hang() {
	fmt.Println("ready")
	for {
		time.Sleep(time.Hour)
	}
}

func main() {
	if len(os.Args) > 1 { // the child that is left behind
		signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
		fmt.Println("pid", os.Getpid())
		hang()
	}
	fd, err := strconv.Atoi(os.Getenv("ASSETDEV_FD"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "no channel:", err)
		os.Exit(9)
	}
	syscall.CloseOnExec(fd)
	channel = os.NewFile(uintptr(fd), "channel")
	fmt.Println("pid", os.Getpid())
	switch behaviour {
	case "dies":
		fmt.Fprintln(os.Stderr, "cannot find my configuration")
		os.Exit(1)
	case "silent":
		return
	case "panics":
		var m map[string]int
		m["a"] = 1
	case "garbage":
		_, _ = io.WriteString(channel, "Hello, world\n")
		hang()
	case "binary":
		_, _ = channel.Write([]byte{0, 1, 2, 255, '\n'})
		hang()
	}
	protocol := 1
	if behaviour == "protocol" {
		protocol = 99
	}
	say(object{"type": "hello", "hello": object{"protocol": protocol, "sdk": "misbehave 1", "pid": os.Getpid(), "reads": []string{"arrow"}, "writes": []string{"arrow"}}})
	line, err := bufio.NewReader(channel).ReadBytes('\n')
	if err != nil {
		os.Exit(8)
	}
	var request struct{ Type, Asset, Output, View string }
	if err := json.Unmarshal(line, &request); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(7)
	}
	switch behaviour {
	case "exits":
		fmt.Fprintln(os.Stderr, "giving up")
		os.Exit(3)
	case "hangs":
		hang()
	case "stubborn":
		signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM)
		hang()
	case "prints":
		fmt.Println(`{"type":"result","result":{"format":"none"}}`)
		fmt.Fprintln(os.Stderr, "on stderr")
		_, _ = os.Stdout.Write([]byte{0, 255, 27, '[', '2', 'J', '\n'})
		fmt.Print("no end of line")
	case "floods":
		block := bytes.Repeat([]byte("x"), 1<<20)
		for range 100 {
			_, _ = os.Stdout.Write(block)
		}
	case "huge":
		say(object{"type": "log", "log": object{"level": "info", "text": strings.Repeat("x", 2<<20)}})
		hang()
	case "closes":
		_ = channel.Close()
		hang()
	case "cut":
		_, _ = io.WriteString(channel, `{"type":"defin`)
		return
	case "wrong":
		if request.Type == "describe" {
			say(object{"type": "result", "result": object{"format": "none"}})
		} else {
			say(object{"type": "definitions", "definitions": object{}})
		}
		hang()
	case "fails":
		say(object{"type": "error", "error": object{"message": "it cannot be done", "trace": "the trace", "file": "/x/assets.go", "line": 7}})
		os.Exit(1)
	case "lingers":
		defer hang()
	case "leaves":
		child := exec.Command("/proc/self/exe", "child")
		child.Stdout, child.Stderr, child.SysProcAttr = os.Stdout, os.Stderr, &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(6)
		}
		time.Sleep(100 * time.Millisecond) // most likely it has begun to ignore signals
	}
	say(object{"type": "from the future", "news": 5})
	if request.Type == "describe" {
		say(object{"type": "asset", "asset": object{"key": "a/b", "group": "g", "news": true}})
		say(object{"type": "asset", "asset": object{"key": "c", "inputs": []string{"a/b"}}})
		say(object{"type": "definitions", "definitions": object{"problems": []object{{"message": "d is wrong"}}}})
		return
	}
	if request.Asset != "a/b" {
		say(object{"type": "error", "error": object{"message": fmt.Sprintf("no asset %q here", request.Asset)}})
		return
	}
	fmt.Println("view", os.Getenv("SHARED_ASSETS_PATH"), os.Getenv("ASSETDEV_VIEW"), os.Getenv("ASSETDEV_RUN"), os.Getenv("ASSETDEV_ASSET"))
	say(object{"type": "log", "log": object{"level": "warning", "text": "careful"}})
	say(object{"type": "progress", "progress": object{"fraction": 0.5, "text": "half"}})
	say(object{"type": "metadata", "metadata": object{"text": "words", "number": 3}})
	if err := os.WriteFile(request.Output, []byte("data"), 0o600); err != nil {
		say(object{"type": "error", "error": object{"message": err.Error()}})
		return
	}
	say(object{"type": "result", "result": object{"format": "arrow", "rows": 5, "data_version": "v1"}})
}
