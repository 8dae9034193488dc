//go:build !race

package child

// raceDetector says that this binary was built with -race.
const raceDetector = false
