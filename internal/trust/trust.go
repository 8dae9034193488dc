// Package trust decides whether code of a workspace may be executed, and remembers the answer outside the workspace.
package trust

// A Grant is the permission to execute code of one workspace. Only this package can make one, so that what needs a Grant
// cannot run before the user trusted the workspace. The zero Grant permits nothing.
type Grant struct{ workspace string }
