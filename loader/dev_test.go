package loader

import (
	"slices"
	"testing"
)

func TestAsDevelopment(t *testing.T) {
	for _, tt := range []struct {
		name      string
		have, got []string
	}{
		{"said", []string{"A=1"}, []string{"A=1", "DAGSTER_IS_DEV_CLI=1"}},
		{"the user's own", []string{"DAGSTER_IS_DEV_CLI=0", "A=1"}, []string{"DAGSTER_IS_DEV_CLI=0", "A=1"}},
		{"taken back", []string{"DAGSTER_IS_DEV_CLI="}, []string{"DAGSTER_IS_DEV_CLI="}},
		{"a longer name", []string{"DAGSTER_IS_DEV_CLI_X=2"}, []string{"DAGSTER_IS_DEV_CLI_X=2", "DAGSTER_IS_DEV_CLI=1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := asDevelopment(tt.have); !slices.Equal(got, tt.got) {
				t.Errorf("got %q, want %q", got, tt.got)
			}
		})
	}
}
