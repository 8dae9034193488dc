# The recipes that people and CI use. `make` builds.
.PHONY: build test race fuzz lint bench demo generate pictures
build: ; go build -o assetdev .
test: ; go test ./...
race: ; go test -race ./...
lint: ; go vet ./... && golangci-lint run ./...
demo: ; go run . demo
bench: ; go test -run '^$$' -bench . -benchtime 3x ./graph/... ./iomanager/... ./internal/child ./loader/codeversion && bash bench/run
fuzz:
	@for pkg in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -ho '^func Fuzz[A-Za-z]*' $$pkg/*_test.go | sed 's/func //'); do go test -run '^$$' -fuzz "^$$f$$" -fuzztime 20s $$pkg || exit 1; done; done
# What the documents take from the program: tables, and pictures of a real run.
generate: pictures ; go test . -run Generated -update
pictures: build ; go run ./internal/tools/pictures -assetdev ./assetdev -o docs
