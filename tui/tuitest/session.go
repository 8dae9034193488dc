package tuitest

import "syscall"

// session makes a process the leader of a session whose terminal is its standard input, so that it gets the signals of the keys.
func session() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true, Setctty: true} }
