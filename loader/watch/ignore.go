package watch

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
)

// .gitignore as git reads it, one level per folder: the last rule that matches wins, a deeper level wins over a higher one,
// and what lies in an excluded folder stays excluded (nobody asks about it: excluded folders are not entered).
// Compared with git check-ignore in the tests. Not read: core.excludesFile.

// A level is the rules of one folder, above it those of its parents.
type level struct {
	parent *level
	dir    string // absolute
	rules  []rule
}

// A rule is one line of a .gitignore file.
type rule struct {
	pattern  string
	negate   bool
	dirOnly  bool
	basename bool // no slash in it: it is matched against the last element alone
}

const maxIgnoreFile = 1 << 20

// under returns the level for dir, which lies in the folder of l; l itself when dir has no rules of its own.
func (l *level) under(dir string) *level {
	var rules []rule
	gitDir, isRepository := gitDirOf(dir)
	if isRepository {
		l = nil // a repository in a repository: the outer one's rules end here
		rules = append(rules, readRules(filepath.Join(gitDir, "info", "exclude"))...)
	}
	rules = append(rules, readRules(filepath.Join(dir, ".gitignore"))...)
	if len(rules) == 0 && !isRepository {
		return l
	}
	return &level{parent: l, dir: dir, rules: rules}
}

// ignored says whether path, whose folder is not ignored, is.
func (l *level) ignored(path string, isDir bool) bool {
	base := filepath.Base(path)
	for ; l != nil; l = l.parent {
		rel, ok := strings.CutPrefix(path, l.dir)
		if !ok {
			continue
		}
		rel = filepath.ToSlash(strings.TrimPrefix(rel, string(filepath.Separator)))
		for i := len(l.rules) - 1; i >= 0; i-- {
			if r := &l.rules[i]; r.matches(rel, base, isDir) {
				return !r.negate
			}
		}
	}
	return false
}

func (r *rule) matches(rel, base string, isDir bool) bool {
	if r.dirOnly && !isDir {
		return false
	}
	if r.basename {
		return wildmatch(r.pattern, base, false) == wmMatch
	}
	return wildmatch(r.pattern, rel, true) == wmMatch
}

func readRules(file string) []rule {
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxIgnoreFile {
		return nil // absent, or nothing git would have written: no rules
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	return parseRules(data)
}

func parseRules(data []byte) []rule {
	var rules []rule
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		if r, ok := parseRule(string(bytes.TrimSuffix(line, []byte("\r")))); ok {
			rules = append(rules, r)
		}
	}
	return rules
}

func parseRule(line string) (rule, bool) {
	if strings.HasPrefix(line, "#") {
		return rule{}, false
	}
	line = trimTrailingSpaces(line)
	var r rule
	if rest, ok := strings.CutPrefix(line, "!"); ok {
		r.negate, line = true, rest
	}
	if rest, ok := strings.CutSuffix(line, "/"); ok {
		r.dirOnly, line = true, rest
	}
	r.basename = !strings.Contains(line, "/")
	r.pattern = strings.TrimPrefix(line, "/")
	return r, line != ""
}

// trimTrailingSpaces cuts spaces off the end that no backslash protects.
func trimTrailingSpaces(line string) string {
	end := 0
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case ' ':
			continue
		case '\\':
			i++
		}
		end = min(i+1, len(line))
	}
	return line[:end]
}

// gitDirOf returns the git directory of a folder that is the top of a work tree.
func gitDirOf(dir string) (string, bool) {
	git := filepath.Join(dir, ".git")
	info, err := os.Lstat(git)
	if err != nil {
		return "", false
	}
	if info.IsDir() {
		return git, true
	}
	if !info.Mode().IsRegular() || info.Size() > 4096 {
		return "", false
	}
	data, err := os.ReadFile(git)
	target, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "gitdir: ")
	if err != nil || !ok {
		return "", false
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(dir, target)
	}
	return target, true
}

// Results of wildmatch: the aborts end searches that cannot succeed any more.
type wm uint8

const (
	wmMatch wm = iota
	wmNoMatch
	wmAbortAll
	wmAbortToStarStar
)

// wildmatch is git's: * and ? do not match a slash when pathname is set, ** between slashes matches any folders.
func wildmatch(pattern, text string, pathname bool) wm {
	at := func(s string, i int) byte {
		if i < len(s) {
			return s[i]
		}
		return 0
	}
	t := 0
	for p := 0; p < len(pattern); p, t = p+1, t+1 {
		c, have := pattern[p], t < len(text)
		if !have && c != '*' {
			return wmAbortAll
		}
		switch c {
		case '?':
			if pathname && text[t] == '/' {
				return wmNoMatch
			}
		case '[':
			next, matched, ok := wildClass(pattern, p, text[t])
			if !ok {
				return wmAbortAll
			}
			if !matched || pathname && text[t] == '/' {
				return wmNoMatch
			}
			p = next
		case '*':
			p++
			slash := !pathname
			if at(pattern, p) == '*' {
				before := p
				for at(pattern, p) == '*' {
					p++
				}
				rest := pattern[min(p, len(pattern)):]
				alone := (before < 2 || pattern[before-2] == '/') && (rest == "" || rest[0] == '/' || strings.HasPrefix(rest, `\/`))
				if pathname && alone {
					if strings.HasPrefix(rest, "/") && wildmatch(rest[1:], text[t:], pathname) == wmMatch {
						return wmMatch
					}
					slash = true
				}
			}
			if p >= len(pattern) {
				if !slash && strings.Contains(text[t:], "/") {
					return wmAbortToStarStar
				}
				return wmMatch
			}
			if !slash && pattern[p] == '/' {
				next := strings.IndexByte(text[t:], '/')
				if next < 0 {
					return wmAbortAll
				}
				t += next
				continue
			}
			for ; t < len(text); t++ {
				switch result := wildmatch(pattern[p:], text[t:], pathname); {
				case result != wmNoMatch:
					if !slash || result != wmAbortToStarStar {
						return result
					}
				case !slash && text[t] == '/':
					return wmAbortToStarStar
				}
			}
			return wmAbortAll
		case '\\':
			p++
			if at(pattern, p) != text[t] {
				return wmNoMatch
			}
		default:
			if c != text[t] {
				return wmNoMatch
			}
		}
	}
	if t < len(text) {
		return wmNoMatch
	}
	return wmMatch
}

// wildClass matches one byte against the class that begins at pattern[p]; it returns the index of the closing bracket.
func wildClass(pattern string, p int, c byte) (end int, matched, ok bool) {
	p++
	negated := p < len(pattern) && (pattern[p] == '!' || pattern[p] == '^')
	if negated {
		p++
	}
	var previous byte
	for first := true; ; first = false {
		if p >= len(pattern) {
			return p, false, false
		}
		b := pattern[p]
		if b == ']' && !first {
			return p, matched != negated, true
		}
		switch {
		case b == '\\':
			p++
			if p >= len(pattern) {
				return p, false, false
			}
			b = pattern[p]
			matched = matched || c == b
		case b == '-' && previous != 0 && p+1 < len(pattern) && pattern[p+1] != ']':
			p++
			if pattern[p] == '\\' {
				p++
				if p >= len(pattern) {
					return p, false, false
				}
			}
			matched = matched || previous <= c && c <= pattern[p]
			b = 0
		case b == '[' && p+1 < len(pattern) && pattern[p+1] == ':':
			closing := strings.IndexByte(pattern[p+2:], ']')
			if closing < 0 {
				return p, false, false
			}
			name, isClass := strings.CutSuffix(pattern[p+2:p+2+closing], ":")
			if !isClass {
				matched = matched || c == '['
				break
			}
			in, known := posixClass(name, c)
			if !known {
				return p, false, false
			}
			matched = matched || in
			p += 2 + closing
			b = 0
		default:
			matched = matched || c == b
		}
		previous = b
		p++
	}
}

func posixClass(name string, c byte) (in, known bool) {
	upper, lower, digit := 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9'
	graphic := c > ' ' && c < 0x7f
	switch name {
	case "alnum":
		return upper || lower || digit, true
	case "alpha":
		return upper || lower, true
	case "blank":
		return c == ' ' || c == '\t', true
	case "cntrl":
		return c < ' ' || c == 0x7f, true
	case "digit":
		return digit, true
	case "graph":
		return graphic, true
	case "lower":
		return lower, true
	case "print":
		return graphic || c == ' ', true
	case "punct":
		return graphic && !upper && !lower && !digit, true
	case "space":
		return c == ' ' || '\t' <= c && c <= '\r', true
	case "upper":
		return upper, true
	case "xdigit":
		return digit || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F', true
	}
	return false, false
}
