package child

import "os/exec"

// Editor returns a command that has not been started, for the user's own editor: it takes the terminal, belongs to the user and
// is neither marked nor supervised. argv[0] is looked up in PATH; dir is its working directory, "" the current one.
func Editor(argv []string, dir string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...) //nolint:noctx // the user ends an editor, nobody else
	cmd.Dir = dir
	return cmd
}
