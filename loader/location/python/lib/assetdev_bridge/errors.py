"""Exceptions as people should see them: the cause itself, not Dagster's wrapping of it; the frames of the project's own code first; a place."""

import os
import re
import traceback

from . import fresh
from .channel import cut

_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)')
_LONG = 60_000
INTERRUPTED = "DagsterExecutionInterruptedError"


class Told(Exception):
    """A failure whose text is written for the user, and needs no class name before it. file and line may say where."""

    def __init__(self, message, file="", line=0):
        super().__init__(message)
        self.file, self.line = file, line


_function = None


def working_on(function):
    """Says which function of the project's runs: where memory ran out Python may have none left for the frame in which it did."""
    global _function
    _function = function


def release(error):
    """Frees what the frames of an exception hold, and of those that it came from: where memory ran out, telling so takes some."""
    import gc

    seen, stack = [], [error]
    while stack:
        one = stack.pop()
        if one is None or any(one is s for s in seen):
            continue
        seen.append(one)
        traceback.clear_frames(one.__traceback__)
        stack += [one.__cause__, one.__context__]
    gc.collect()


def _ran_out(error):
    """Returns of the exceptions that led to a MemoryError the one that the project's own frames tell of."""
    at = error
    for _ in range(50):
        at = at.__context__ or at.__cause__
        if at is None:
            return error
        if any(fresh.first_party(f.filename) for f in traceback.extract_tb(at.__traceback__)):
            return at
    return error


def _where():
    """Returns file, line and frame of the function that runs."""
    code = getattr(_function, "__code__", None)
    if code is None or not fresh.first_party(code.co_filename):
        return "", 0, ""
    file, line = os.path.abspath(code.co_filename), code.co_firstlineno
    return file, line, '  File "%s", line %d, in %s\n' % (file, line, code.co_name)


def from_exception(error):
    """Returns the wire's error for an exception."""
    chain = []
    if isinstance(error, MemoryError):
        error = _ran_out(error)
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ if _is_wrapping(type(error).__name__, bool(error.__cause__)) else None
    cause = chain[-1]
    file, line = "", 0
    own = []
    for frame in traceback.extract_tb(cause.__traceback__):
        if fresh.first_party(frame.filename):
            file, line = os.path.abspath(frame.filename), frame.lineno or 0
            own.append(frame)
    if not own:  # a wrapping has the frames, as for what an import of the project raises
        for outer in reversed(chain[:-1]):
            own = [f for f in traceback.extract_tb(outer.__traceback__) if fresh.first_party(f.filename)]
            if own:
                file, line = os.path.abspath(own[-1].filename), own[-1].lineno or 0
                break
    before = ""
    if isinstance(cause, MemoryError) and not own:
        file, line, before = _where()
    if isinstance(cause, SyntaxError) and cause.filename:
        file, line = os.path.abspath(cause.filename), cause.lineno or 0
    if isinstance(cause, Told) and cause.file:
        file, line = cause.file, cause.line
    message = _message(cause) + _component([type(e).__name__ for e in chain], [str(e) for e in chain])
    if isinstance(cause, Told) and not own:
        trace = ""
    else:
        whole = "".join(traceback.format_exception(type(cause), cause, _without_ours(cause.__traceback__)))
        trace = _trace(before + "".join(traceback.format_list(own)), whole, _with_class(cause))
    return _error(message, trace, file, line)


def from_serialized(info):
    """Returns the wire's error for Dagster's SerializableErrorInfo."""
    chain = [info]
    while _is_wrapping(info.cls_name or "", bool(info.cause)) and info.cause:
        info = info.cause
        chain.append(info)
    file, line, own = "", 0, []
    for text in info.stack:
        m = _FRAME.match(text)
        if m and fresh.first_party(m["file"]):
            file, line = os.path.abspath(m["file"]), int(m["line"])
            own.append(text)
    message = info.message.strip()
    if info.cls_name == "MemoryError" and not own:
        file, line, before = _where()
        own += [before] if before else []
    name, _, rest = message.partition(": ")
    plain = name.endswith(("Told", "StorageError"))
    if plain:
        message = rest
    elif info.cls_name and name.endswith("." + info.cls_name):
        message = info.cls_name + (": " + rest if rest else "")
    if info.cls_name == INTERRUPTED:
        message = "interrupted"
    if info.cls_name == "SystemExit":
        message = "the code ended the process: sys.exit(%s)" % rest
    if info.cls_name in ("SyntaxError", "IndentationError", "TabError"):
        m = _FRAME.match(info.message)
        lines = [t for t in info.message.strip().splitlines() if t.strip()]
        message = lines[-1] if lines else message
        if m:
            file, line = os.path.abspath(m["file"]), int(m["line"])
    message += _component([i.cls_name or "" for i in chain], [i.message.partition(": ")[2] for i in chain])
    if plain and not own:
        return _error(message, "", file, line)
    whole = "Traceback (most recent call last):\n" + "".join(info.stack) + info.message
    cause = info.cause or info.context
    if cause is not None:
        whole = "".join(cause.stack) + cause.message + "\nwhich led to:\n\n" + whole
    return _error(message, _trace("".join(own), whole, message), file, line)


def _without_ours(tb):
    """Drops the first frames: those of this package and of the import system."""
    here = os.path.dirname(os.path.abspath(__file__))
    at = tb
    while at is not None:
        file = at.tb_frame.f_code.co_filename
        if not (file.startswith((here, "<frozen importlib")) or os.path.join("importlib", "__init__") in file):
            return at
        at = at.tb_next
    return tb


def _error(message, trace, file, line):
    error = {"message": cut(message.strip() or "unknown error", 8000)}
    if trace:
        error["trace"] = trace
    if file:
        error["file"] = file
    if line:
        error["line"] = line
    return error


def _trace(own, whole, message):
    if not own:
        return cut(whole.rstrip(), _LONG)
    first = cut(own.rstrip("\n") + "\n" + message, _LONG // 2)
    if own.count('File "') == whole.count('File "'):  # there is no more
        return first
    return first + "\n\nthe whole traceback:\n" + cut(whole.rstrip(), _LONG)


TREE = "ComponentTreeException"


def _is_wrapping(name, has_cause):
    return has_cause and (name.startswith("Dagster") or name == TREE)


def _component(names, texts):
    """Returns which component could not be made, of an exception that shows the whole tree of them, as " (component sales)"."""
    for name, text in zip(names[:-1], texts):
        found = re.match(r"Error while (?:building definitions for|loading component) (\S+?)(?:\[\d+\])?:", text) if name == TREE else None
        if found:
            return " (in component %s)" % found[1]
    return ""


def _message(error):
    if isinstance(error, Told):
        return str(error)
    if isinstance(error, SyntaxError):
        return "%s: %s" % (type(error).__name__, error.msg)
    return _with_class(error)


def _with_class(error):
    text = str(error)
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == INTERRUPTED:
        return "interrupted"
    if isinstance(error, SystemExit):
        return "the code ended the process: sys.exit(%s)" % ("" if error.code is None else repr(error.code))
    return type(error).__name__ + (": " + text if text else "")
