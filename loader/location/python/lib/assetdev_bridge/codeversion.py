"""Code versions of Python assets by static analysis: a version per asset that changes when something its function reaches
changes, and not when comments, formatting, docstrings or unrelated code do. It reads files and executes nothing of them.

The nouns: a *module* is one first-party source file; its *nodes* are its top-level statements (a function, a class, an
assignment, a whole if/try/for block, changes made at module level); a node *reaches* what the names in it mean, through
imports, re-exports and star imports; the version of an asset is a Merkle hash over all that its function reaches.

What is reached, over-approximated where it must be:

  * names and attribute chains by scope: parameters and local variables shadow, imports inside functions count;
  * all definitions of a name that has several; whole classes; whole if/try/with/for blocks of module level;
  * with a name, whatever changes it while modules are imported: X[k] = …, X.append(…), module.f = …, `global X` in a
    function, decorators and calls of functions that change it (registries) or what they are given, the same by another name
    of it (Y = X), metaclasses, subclasses where __init_subclass__ or __subclasses__ sees them; and in which order all that happens;
  * docstrings, annotations and the text of files where code that is reached reads them (__doc__, inspect, typing.get_type_hints);
  * with a module, its calls for effect (pandas.set_option(…)) and those of the modules that it imports;
  * with a function defined inside another (an asset factory), the module-level calls of the outer one;
  * with a parameter that names a resource, the value that some resources={…} gives it;
  * third-party packages by the version of their distribution, the Python version, environment variables by value.

What cannot be decided (eval, exec, globals(), getattr on a module or import_module with a computed name, a module passed as
a value) counts as the whole module and what it imports; "coarse" says why.

Known holes: getattr on instances whose class is not named, monkey-patching inside function bodies, entry-point plug-ins,
functions that a third-party package calls while modules are imported, line numbers, C extensions rebuilt with the same version. What a step
opens, and modules that only running shows, are told by opened.py.
Harmless re-executions: a renamed local variable, one method changed in a class of which another is used.

Invariants:
  (a) No absolute path, host, user, time or map order enters a version; symbols are dotted module names.
  (b) A value of the environment is never kept: its hash is salted with the asset's symbol. Of names that look like
      credentials the name alone counts.
  (c) Source that does not parse is an error with a place, never a version.
  (d) The answer hangs on the files alone, never on what the Index has seen before.

Deliberately absent: importing or executing anything of the project, type inference, threads, anything outside the standard
library. A child of the fork server may import this module, or it runs by itself: `python -m assetdev_bridge.codeversion`
reads one JSON request a line and writes one JSON answer a line (see Service).
"""

import builtins
import gc
import os
import re
import sys
import warnings

import _ast
from hashlib import sha256

ALGORITHM = "py1"
PYTHON = "%s-%d.%d" % (sys.implementation.name, sys.version_info[0], sys.version_info[1])

MAX_BYTES = 4 << 20  # a larger file counts as a whole
MAX_TEXT = 64 << 10  # of one part
_FORMAT = 6  # of the cache

_BUILTINS = frozenset(dir(builtins)) | {"__file__", "__path__", "__builtins__", "__class__", "__annotations__", "__dict__"}
_MODULE_DUNDERS = frozenset(
    ("__name__", "__file__", "__doc__", "__path__", "__package__", "__spec__", "__loader__", "__version__", "__all__", "__cached__")
)
_LOGS = frozenset(("debug", "info", "warning", "warn", "error", "exception", "critical", "log"))
_MUTATORS = frozenset(
    "append appendleft add update setdefault pop popitem popleft insert extend extendleft remove discard clear sort reverse "
    "register __setitem__ __delitem__ __setattr__".split()
)
# Decorators of Dagster that do not call the function when the definition is made.
_LAZY = frozenset(
    "asset multi_asset op asset_check multi_asset_check sensor asset_sensor multi_asset_sensor run_status_sensor "
    "run_failure_sensor freshness_policy_sensor schedule resource io_manager input_manager observable_source_asset "
    "multi_observable_source_asset logger success_hook failure_hook executor".split()
)
# Decorators of Dagster that do.
_EAGER = frozenset("graph_asset graph_multi_asset graph job definitions repository config_mapping component_instance".split())
# Calls that load every module of a package.
_WALKS = frozenset(
    "load_assets_from_package_module load_assets_from_package_name load_asset_checks_from_package_module "
    "load_asset_checks_from_package_name load_definitions_from_package_module load_definitions_from_package_name "
    "load_from_defs_folder load_defs load_defs_at_path load_project_defs iter_modules walk_packages".split()
)
_SECRETS = ("TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "API_KEY", "APIKEY", "ACCESS_KEY", "PRIVATE_KEY", "AUTH")
# Names by which code reads what is otherwise no meaning: docstrings, annotations, its own text.
_REFLECTS = {
    "__doc__": "doc", "getdoc": "doc", "__annotations__": "types", "get_type_hints": "types", "get_annotations": "types", "signature": "types",
    "getfullargspec": "types", "Signature": "types", "getsource": "text", "getsourcelines": "text", "getcomments": "text",
}  # fmt: skip
# Functions of others that load a module by a name.
_LOADS = frozenset(
    "!importlib:import_module !importlib:__import__ !runpy:run_module !runpy:run_path !pkgutil:resolve_name !importlib.util:spec_from_file_location "
    "!importlib.machinery:SourceFileLoader".split()
)
_REBINDS = frozenset(("c:exec", "c:globals", "c:vars"))  # may bind any name of the module
_NAME_KEYWORDS = frozenset(("name", "key", "asset_name", "asset_key"))
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SKIP_FIELDS = frozenset(("ctx", "type_comment", "kind", "type_ignores"))
_FIELDS = {}
_STDLIB = getattr(sys, "stdlib_module_names", frozenset())


def _sum(text):
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


# ---------------------------------------------------------------------------------------------------------------------------
# One file: bytes → summary (plain lists and dicts that JSON can keep)


class _Scope:
    __slots__ = ("kind", "parent", "stores", "outer", "imports", "loads", "inner", "params", "own")

    def __init__(self, kind, parent):
        self.kind, self.parent = kind, parent  # "f" function or lambda, "c" class, "l" comprehension
        self.stores, self.outer, self.imports, self.loads, self.inner, self.params = set(), set(), {}, [], [], ()
        self.own = set()  # of a class: attributes that methods change through self


class _Reader:
    """Reads one module. Each top-level statement becomes a node:

    n names it binds · k kind (def class assign block effect) · l, e lines · h hash of all of it · s hash of what runs when it is
    defined · o hash of its docstrings · d references followed when it is defined · b references of function bodies · and, where they
    apply: t decorators, bases; f what it reads of docstrings (doc), annotations (types) or text; a hash of its annotations; j it changes what it
    is given; y it changes itself when it is called; z the name of which it is another one; p names that may be resources; v value of a constant; q reads the variable that its argument
    names; i sees its subclasses; u module calls as [callees, name, hash, references, line, end].

    A reference is a kind and a chain of names: r read · k called · m changed · x called, result dropped · n decorates · y getattr with a
    computed name · c undecidable · h called with a name (after "=") · E names a variable · g bound by `global` · w a whole module · s has its subclasses asked for ·
    p all modules below a prefix · e variable of the environment · z reason that widens nothing. "kind@level|module|chain" goes
    through an import inside a function.
    """

    def __init__(self):
        self.scope, self.deep = None, 0
        self.nodes, self.imports, self.binds, self.stars = [], [], {}, []
        self.walks, self.resources = False, []
        self.reset()

    def reset(self):
        self.out, self.body_out, self.refs, self.names, self.docs = [], [], [], [], []
        self.sites, self.resource_names, self.reads_env, self.guarded = [], [], False, 0
        self.notes, self.reflects, self.gives, self.changes_itself = [], set(), False, False

    # References

    def emit(self, kind, chain):
        if self.scope is None:
            self.refs.append((kind + ":" + chain, self.deep > 0))
        else:
            self.scope.loads.append((kind, chain, self.deep > 0))

    def absolute(self, ref):
        self.refs.append((ref, self.deep > 0))

    def store(self, name):
        scope = self.scope
        while scope is not None and scope.kind == "l":
            scope = scope.parent
        if scope is None:
            self.names.append(name)
        else:
            scope.stores.add(name)
        return scope

    def push(self, kind):
        self.scope = _Scope(kind, self.scope)
        return self.scope

    def pop(self):
        scope = self.scope
        parent = self.scope = scope.parent
        stores, outer, imports, is_class = scope.stores, scope.outer, scope.imports, scope.kind == "c"
        up = self.refs if parent is None else (parent.inner if parent.kind == "c" and scope.kind == "f" else parent.loads)

        def hand(kind, chain, deep):
            if parent is None:
                up.append((kind + ":" + chain, deep))
            else:
                up.append((kind, chain, deep))

        for kind, chain, deep in scope.loads:
            root = chain.partition(".")[0].partition("=")[0]
            if root in outer:
                self.refs.append((kind + ":" + chain, deep))
            elif root in stores:
                if kind == "m" and root in scope.params:
                    method = parent is not None and parent.kind == "c" and root == scope.params[0]
                    if not method:
                        self.gives = True
                    elif chain.count("."):
                        parent.own.add(chain.split(".")[1])
                for level, module, name in imports.get(root, ()):
                    rest = ".".join(filter(None, (name, chain[len(root) + 1 :] if "." in chain else "")))
                    if "=" in chain and "=" not in rest:
                        rest += "=" + chain.partition("=")[2]
                    self.refs.append(("%s@%d|%s|%s" % (kind, level, module, rest), deep))
                if is_class:
                    hand(kind, chain, deep)
            else:
                hand(kind, chain, deep)
        for kind, chain, deep in scope.inner:
            hand(kind, chain, deep)
        for name in outer & stores:
            self.refs.append(("g:" + name, True))
        if is_class and not scope.own.isdisjoint(stores):
            self.changes_itself = True

    # Statements and expressions

    def visit(self, node):
        cls = node.__class__
        special = _VISIT.get(cls)
        if special is not None:
            special(self, node)
            return
        self.generic(node)

    def generic(self, node):
        cls = node.__class__
        fields = _FIELDS.get(cls)
        if fields is None:
            fields = _FIELDS[cls] = tuple(f for f in cls._fields if f not in _SKIP_FIELDS)
        out = self.out
        out.append("(" + cls.__name__)
        for field in fields:
            value = getattr(node, field, None)
            if isinstance(value, list):
                if field in ("body", "orelse", "finalbody"):
                    self.body(value)
                    continue
                out.append("[")
                for item in value:
                    if isinstance(item, _ast.AST):
                        self.visit(item)
                    else:
                        out.append(repr(item))
                out.append("]")
            elif isinstance(value, _ast.AST):
                self.visit(value)
            elif value is None:
                out.append("~")
            else:
                out.append(repr(value))
        out.append(")")

    def body(self, statements, doc=False):
        self.out.append("{")
        for i, statement in enumerate(statements):
            cls = statement.__class__
            if cls is _ast.Pass:
                continue
            if cls is _ast.Expr and statement.value.__class__ is _ast.Constant:
                if doc and i == 0 and isinstance(statement.value.value, str):
                    self.docs.append(statement.value.value)
                continue
            self.visit(statement)
        self.out.append("}")

    def constant(self, node):
        value = node.value
        self.out.append(value.__class__.__name__[0] + repr(value))

    def name(self, node):
        self.out.append("'" + node.id)
        if node.ctx.__class__ is _ast.Load:
            self.emit("r", node.id)
            if node.id in _REFLECTS:
                self.reflects.add(_REFLECTS[node.id])
        else:
            scope = self.store(node.id)
            if scope is not None and scope.kind == "f":
                self.emit("m", node.id)  # counts only where `global` says so: pop drops what is local

    def attribute(self, node):
        chain = _chain(node)
        if chain is None:
            if node.attr in _REFLECTS:
                self.reflects.add(_REFLECTS[node.attr])
            if node.attr not in ("values", "items", "keys", "get", "copy") or not self.reads_globals(node.value):
                self.visit(node.value)
            self.out.append("." + node.attr)
            return
        self.out.append("'" + chain)
        self.emit("r", chain)
        last = chain.rpartition(".")[2]
        if last in _MUTATORS and node.ctx.__class__ is _ast.Load:  # handed to who calls it
            self.emit("m", chain.rpartition(".")[0])
        if last in _REFLECTS:
            self.reflects.add(_REFLECTS[last])
        if last == "__subclasses__":
            self.emit("s", chain.rpartition(".")[0])
        if ".resources." in chain:
            self.resource_names.append(chain.partition(".resources.")[2].partition(".")[0])
        if node.ctx.__class__ is not _ast.Load:
            self.emit("m", chain)

    def reads_globals(self, node):
        """Takes globals() where it is only read: no name changes its meaning by that."""
        if node.__class__ is not _ast.Call or _chain(node.func) not in ("globals", "vars") or node.args:
            return False
        self.out.append("(globals)")
        self.emit("c", node.func.id + ".read")
        return True

    def subscript(self, node):
        value, index = node.value, node.slice
        text = index.value if index.__class__ is _ast.Constant and isinstance(index.value, str) else None
        if value.__class__ is _ast.Call and _chain(value.func) == "globals" and not value.args:
            if text is not None:
                self.out.append("(globals " + repr(text) + ")")
                self.emit("r" if node.ctx.__class__ is _ast.Load else "m", text)
                if node.ctx.__class__ is not _ast.Load and self.scope is None and self.deep == 0:
                    self.names.append(text)
                return
        chain = _chain(value)
        if chain is not None and (chain == "environ" or chain.endswith(".environ")) and node.ctx.__class__ is _ast.Load:
            self.environment(index)
        self.out.append("(Subscript")
        if node.ctx.__class__ is not _ast.Load or not self.reads_globals(value):
            self.visit(value)
        self.visit(index)
        self.out.append(")")
        if node.ctx.__class__ is not _ast.Load:
            root = _root_chain(value)
            if root is not None:
                self.emit("m", root)

    def environment(self, argument):
        if argument.__class__ is _ast.Constant and isinstance(argument.value, str):
            self.absolute("e:" + argument.value)
            return
        chain = _chain(argument)
        if chain is not None:
            scope = self.scope
            while scope is not None:
                if chain in scope.params:
                    self.reads_env = True
                    return
                scope = scope.parent
            self.emit("E", chain)
            return
        self.absolute("z:an environment variable with a computed name")

    def compare(self, node):
        if len(node.ops) == 1 and node.ops[0].__class__ in (_ast.In, _ast.NotIn):
            chain = _chain(node.comparators[0])
            if chain is not None and (chain == "environ" or chain.endswith(".environ")) and node.left.__class__ is _ast.Constant:
                self.environment(node.left)
            if self.reads_globals(node.comparators[0]):
                self.out.append(node.ops[0].__class__.__name__)
                self.visit(node.left)
                return
        self.generic(node)

    def call(self, node):
        start = (len(self.out), len(self.body_out), len(self.refs))
        chain = _chain(node.func)
        if chain is None:
            self.out.append("(Call")
            self.visit(node.func)
        else:
            self.out.append("(Call'" + chain)
            self.emit("r", chain)
            self.emit("k", chain)
            self.known_call(node, chain)
        first = 0
        if chain in ("getattr", "setattr", "delattr", "hasattr") and len(node.args) > 1 and _chain(node.args[0]) is not None:
            self.out.append("'" + _chain(node.args[0]))  # known_call said what it means: a module here is not one used as a value
            first = 1
        for argument in node.args[first:]:
            self.visit(argument)
        for keyword in node.keywords:
            self.out.append("," + (keyword.arg or "**"))
            self.visit(keyword.value)
            if keyword.arg == "resources":
                self.resources_of(keyword.value)
            elif keyword.arg == "required_resource_keys":
                self.resource_names.extend(
                    x.value for x in getattr(keyword.value, "elts", ()) if x.__class__ is _ast.Constant and isinstance(x.value, str)
                )
        self.out.append(")")
        if self.deep == 0 and self.scope is None:
            self.site(node, [chain or _root_chain(node.func)], node, start)

    def known_call(self, node, chain):
        args, last = node.args, chain.rpartition(".")[2]
        if last in _REFLECTS:
            self.reflects.add(_REFLECTS[last])
        if last == "__subclasses__":
            self.emit("s", chain.rpartition(".")[0])
        text = args[0].value if args and args[0].__class__ is _ast.Constant and isinstance(args[0].value, str) else None
        if chain in ("eval", "exec", "globals") or chain == "vars" and not args:
            self.emit("c", chain)
        elif chain in ("getattr", "setattr", "delattr", "hasattr") and len(args) > 1:
            subject = _chain(args[0])
            if subject is not None:
                if args[1].__class__ is _ast.Constant and isinstance(args[1].value, str) and args[1].value.isidentifier():
                    if args[1].value in _REFLECTS:
                        self.reflects.add(_REFLECTS[args[1].value])
                    self.emit("r", subject + "." + args[1].value)
                    if chain in ("setattr", "delattr"):
                        self.emit("m", subject + "." + args[1].value)
                else:
                    self.emit("y", subject)
                    if chain in ("setattr", "delattr"):
                        self.emit("m", subject)
        elif last == "import_module" or chain == "__import__":
            self.import_module(node, text)
        elif last in ("getenv", "getenvb") or chain.endswith("environ.get") or chain.endswith("environ.pop") or chain.endswith("environ.setdefault"):
            if args:
                self.environment(args[0])
        elif (last == "EnvVar" or chain.endswith("EnvVar.int")) and args:
            self.environment(args[0])
        elif last in _WALKS:
            self.walks = True
        if text is not None and _ENV_NAME.match(text):
            self.emit("h", chain + "=" + text)
        if "." in chain and last in _MUTATORS:
            self.emit("m", chain.rpartition(".")[0])

    def import_module(self, node, text):
        if text is not None:
            level = len(text) - len(text.lstrip("."))
            package = node.args[1] if len(node.args) > 1 else next((k.value for k in node.keywords if k.arg == "package"), None)
            if level and package.__class__ is _ast.Constant and isinstance(package.value, str):
                parts = package.value.split(".")
                text, level = ".".join(parts[: len(parts) - level + 1] + [text.lstrip(".")]), 0
            module = text.lstrip(".")
            self.imports.append([level, module, [], self.deep > 0])
            self.absolute("w@%d|%s|" % (level, module))
            return
        argument, prefix = (node.args[0] if node.args else None), ""
        if argument.__class__ is _ast.JoinedStr and argument.values:
            first = argument.values[0]
            if first.__class__ is _ast.Constant:
                prefix = first.value
            elif first.__class__ is _ast.FormattedValue and _chain(first.value) in ("__name__", "__package__"):
                prefix = "."
        elif argument.__class__ is _ast.BinOp and argument.left.__class__ is _ast.Constant and isinstance(argument.left.value, str):
            prefix = argument.left.value
        elif argument.__class__ is _ast.BinOp and _chain(argument.left) in ("__name__", "__package__"):
            prefix = "."
        self.absolute("p:" + prefix)

    def site(self, node, callees, call, start):
        callees = [c for c in callees if c and c.partition(".")[0] not in _BUILTINS]
        if not callees or callees[0].rpartition(".")[2] == "Definitions":
            return
        name = ""
        if call is not None:
            for value in call.args[:1] + [k.value for k in call.keywords if k.arg in _NAME_KEYWORDS]:
                if value.__class__ is _ast.Constant and isinstance(value.value, str):
                    name = value.value
        used = sorted({r for r, _ in self.refs[start[2] :]})
        text = "\0".join(self.out[start[0] :] + ["|"] + self.body_out[start[1] :])
        self.sites.append([callees, name, _sum(text), used, node.lineno, node.end_lineno])

    def resources_of(self, value):
        if value.__class__ is _ast.Dict and all(k.__class__ is _ast.Constant and isinstance(k.value, str) for k in value.keys):
            for key, item in zip(value.keys, value.values):
                self.resource(key.value, item)
        else:
            self.resource("*", value)

    def resource(self, key, value):
        inner = _Reader()
        inner.visit(value)
        self.resources.append(
            [key, _sum("\0".join(inner.out + inner.body_out)), sorted({r for r, _ in inner.refs}), value.lineno, value.end_lineno, self.current]
        )

    def expression(self, node):
        value = node.value
        self.out.append("(Expr")
        self.visit(value)
        self.out.append(")")
        while value.__class__ is _ast.Await:
            value = value.value
        if value.__class__ is _ast.Call:
            chain = _chain(value.func) or _root_chain(value.func)
            if chain is not None and chain != "print":
                self.emit("x", chain)

    def function(self, node):
        out, keep = self.out, bool(node.decorator_list)
        self.store(node.name)
        out.append("(" + node.__class__.__name__ + " " + node.name)
        for decorator in node.decorator_list:
            out.append("@")
            self.visit(decorator)
            chain = _chain(decorator.func if decorator.__class__ is _ast.Call else decorator)
            if chain is not None:
                if decorator.__class__ is not _ast.Call:
                    self.emit("k", chain)
                if "." in chain:
                    self.emit("n", chain)
        keep = keep or node.name == "__init__" and self.scope is not None and self.scope.kind == "c"  # what is made of a class may look there
        self.parameters(node.args, keep)
        if node.returns is not None and keep:
            out.append("->")
            self.annotation(node.returns)
        elif node.returns is not None:
            self.note(node.returns)
        names = _parameter_names(node.args)
        if keep:
            self.resource_names.extend(names)
        scope = self.push("f")
        scope.params = names
        scope.stores.update(names)
        for parameter in getattr(node, "type_params", ()):
            scope.stores.add(parameter.name)
        self.function_body(lambda: self.body(node.body, doc=True))
        self.pop()
        self.out.append(")")

    def function_body(self, visit):
        self.out.append("(body)")
        if self.deep == 0:
            self.out, self.body_out = self.body_out, self.out
            self.deep = 1
            self.out.append("|")
            visit()
            self.deep = 0
            self.out, self.body_out = self.body_out, self.out
        else:
            self.deep += 1
            visit()
            self.deep -= 1

    def parameters(self, arguments, keep):
        out = self.out
        for field in ("posonlyargs", "args", "vararg", "kwonlyargs", "kwarg"):
            value = getattr(arguments, field)
            out.append(field)
            for item in value if isinstance(value, list) else [value] if value is not None else []:
                out.append(item.arg)
                if item.annotation is not None and keep:
                    out.append(":")
                    self.annotation(item.annotation)
                elif item.annotation is not None:
                    self.note(item.annotation)
        for default in arguments.defaults + arguments.kw_defaults:
            out.append("=")
            if default is not None:
                self.visit(default)

    def note(self, node):
        """Takes an annotation that means nothing, unless somebody looks at it."""
        kept = self.out, self.refs, self.scope, self.sites, self.reflects
        self.out, self.refs, self.scope, self.sites, self.reflects = [], [], _Scope("f", None), [], set()
        self.visit(node)
        text = "\0".join(self.out)
        self.out, self.refs, self.scope, self.sites, self.reflects = kept
        self.notes.append(text)

    def annotation(self, node):
        self.visit(node)
        stack = [node]
        while stack:  # names in text, as "MyConfig" or Optional["MyConfig"]
            item = stack.pop()
            if item.__class__ is _ast.Constant:
                if isinstance(item.value, str) and len(item.value) < 1000:
                    try:
                        parsed = compile(item.value, "<annotation>", "eval", 0x400, True)
                    except (SyntaxError, ValueError, RecursionError, MemoryError):
                        continue
                    kept, self.out = self.out, []
                    self.visit(parsed.body)
                    self.out = kept
            else:
                for field in item._fields:
                    value = getattr(item, field, None)
                    if isinstance(value, _ast.AST):
                        stack.append(value)
                    elif isinstance(value, list):
                        stack.extend(v for v in value if isinstance(v, _ast.AST))

    def lambda_(self, node):
        self.out.append("(Lambda")
        self.parameters(node.args, False)
        scope = self.push("f")
        scope.params = _parameter_names(node.args)
        scope.stores.update(scope.params)
        self.function_body(lambda: self.visit(node.body))
        self.pop()
        self.out.append(")")

    def class_(self, node):
        self.store(node.name)
        self.out.append("(ClassDef " + node.name)
        for decorator in node.decorator_list:
            self.out.append("@")
            self.visit(decorator)
            chain = _chain(decorator.func if decorator.__class__ is _ast.Call else decorator)
            if chain is not None:
                if decorator.__class__ is not _ast.Call:
                    self.emit("k", chain)
                if "." in chain:
                    self.emit("n", chain)
        for base in node.bases:
            self.visit(base)
        for keyword in node.keywords:
            self.out.append("," + (keyword.arg or "**"))
            self.visit(keyword.value)
            if keyword.arg == "metaclass" and _chain(keyword.value) is not None:
                self.emit("k", _chain(keyword.value))
        if any((_chain(base) or "").endswith("Settings") for base in node.bases):
            self.settings(node.body)
        scope = self.push("c")
        for parameter in getattr(node, "type_params", ()):
            scope.stores.add(parameter.name)
        self.body(node.body, doc=True)
        self.pop()
        self.out.append(")")

    def settings(self, body):
        """The fields of a class of pydantic's settings are variables of the environment: with the prefix, or under their aliases."""
        prefix = ""
        for statement in body:
            for inner in [statement] + (statement.body if statement.__class__ is _ast.ClassDef else []):
                value = getattr(inner, "value", None)
                for name, text in [(getattr(t, "id", ""), value) for t in getattr(inner, "targets", ())] + [
                    (k.arg, k.value) for k in getattr(value, "keywords", ())
                ]:
                    if name == "env_prefix" and text.__class__ is _ast.Constant and isinstance(text.value, str):
                        prefix = text.value
        for statement in body:
            if statement.__class__ is not _ast.AnnAssign or statement.target.__class__ is not _ast.Name:
                continue
            names = [prefix + statement.target.id]
            for keyword in getattr(statement.value, "keywords", ()):
                if keyword.arg in ("alias", "validation_alias", "env"):
                    names += [c.value for c in _constants(keyword.value) if isinstance(c.value, str)]
            for name in names:
                for spelled in dict.fromkeys((name, name.upper(), name.lower())):
                    if _ENV_NAME.match(spelled):
                        self.absolute("e:" + spelled)

    def annotated(self, node):
        self.out.append("(AnnAssign")
        if self.scope is not None and self.scope.kind == "c":
            self.annotation(node.annotation)
        else:
            self.note(node.annotation)
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)
        self.out.append(")")

    def augmented(self, node):
        self.generic(node)
        if node.target.__class__ is _ast.Name:
            self.emit("r", node.target.id)
            self.emit("m", node.target.id)

    def comprehension(self, node):
        start, top = (len(self.out), len(self.body_out), len(self.refs)), self.deep == 0 and self.scope is None
        self.out.append("(" + node.__class__.__name__)
        first = True
        for generator in node.generators:
            if first:
                self.visit(generator.iter)  # in the scope around
                self.push("l")
                first = False
            else:
                self.visit(generator.iter)
            self.target(generator.target)
            self.out.append("if")
            for condition in generator.ifs:
                self.visit(condition)
            if generator.is_async:
                self.out.append("async")
        if node.__class__ is _ast.DictComp:
            self.visit(node.key)
            if node.value is not None:
                self.visit(node.value)
        else:
            self.visit(node.elt)
        self.pop()
        self.out.append(")")
        if top:
            callees = [r[2:] for r, _ in self.refs[start[2] :] if r.startswith("k:")]
            self.site(node, callees, None, start)

    def target(self, node):
        """The targets of a comprehension are its own."""
        if node.__class__ is _ast.Name:
            self.out.append("'" + node.id)
            self.scope.stores.add(node.id)
        elif node.__class__ in (_ast.Tuple, _ast.List):
            self.out.append("(")
            for item in node.elts:
                self.target(item)
            self.out.append(")")
        elif node.__class__ is _ast.Starred:
            self.out.append("*")
            self.target(node.value)
        else:
            self.visit(node)

    def binary(self, node):
        operators = []
        while node.__class__ is _ast.BinOp:  # long sums nest deeply on the left
            operators.append(node)
            node = node.left
        self.out.append("(" * len(operators))
        self.visit(node)
        for operator in reversed(operators):
            self.out.append(operator.op.__class__.__name__)
            self.visit(operator.right)
            self.out.append(")")

    def if_(self, node):
        depth = 0
        while True:  # elif chains nest deeply
            if self.scope is None and self.deep == 0 and _is_main(node.test):
                self.body(node.orelse)
                break
            self.out.append("(If")
            depth += 1
            self.visit(node.test)
            self.body(node.body)
            if len(node.orelse) == 1 and node.orelse[0].__class__ is _ast.If:
                node = node.orelse[0]
                self.out.append("else")
                continue
            self.body(node.orelse)
            break
        self.out.append(")" * depth)

    def handler(self, node):
        if node.name:
            self.store(node.name)
        self.generic(node)

    def match_name(self, node):
        name = getattr(node, "name", None) or getattr(node, "rest", None)
        if name:
            self.store(name)
        self.generic(node)

    def global_(self, node):
        self.out.append("(global " + ",".join(sorted(node.names)) + ")")
        if self.scope is not None:
            self.scope.outer.update(node.names)

    def nonlocal_(self, node):
        self.out.append("(nonlocal " + ",".join(sorted(node.names)) + ")")

    def import_(self, node):
        self.out.append("(import")
        for alias in node.names:
            self.out.append(alias.name + " " + (alias.asname or ""))
            self.imports.append([0, alias.name, [], self.deep > 0])
            if alias.asname:
                self.bind(alias.asname, [0, alias.name, ""])
            else:
                self.bind(alias.name.partition(".")[0], [0, alias.name.partition(".")[0], ""])
        self.out.append(")")

    def import_from(self, node):
        module, level = node.module or "", node.level or 0
        self.out.append("(from %d %s" % (level, module))
        self.imports.append([level, module, [a.name for a in node.names if a.name != "*"], self.deep > 0])
        for alias in node.names:
            self.out.append(alias.name + " " + (alias.asname or ""))
            if alias.name == "*":
                self.stars.append([level, module])
            else:
                self.bind(alias.asname or alias.name, [level, module, alias.name])
        self.out.append(")")

    def bind(self, name, target):
        scope = self.scope
        if scope is None:
            bound = self.binds.setdefault(name, [])
            if target not in bound:
                bound.append(target)
        else:
            scope.stores.add(name)
            scope.imports.setdefault(name, []).append(target)

    # The module

    def module(self, tree):
        docs = ""
        for i, statement in enumerate(tree.body):
            cls = statement.__class__
            if cls is _ast.Expr and statement.value.__class__ is _ast.Constant:
                if i == 0 and isinstance(statement.value.value, str):
                    docs = statement.value.value
                continue
            self.reset()
            self.current = len(self.nodes)
            if cls is _ast.Import or cls is _ast.ImportFrom:
                self.visit(statement)
                continue
            if cls is _ast.Pass or cls is _ast.If and _is_main(statement.test) and not statement.orelse:
                continue
            if cls is _ast.AnnAssign and statement.value is None:
                continue
            self.visit(statement)
            self.node(statement)
        # what cannot be anything of the module is a builtin
        free = not self.stars
        for node in self.nodes:
            for field in ("d", "b"):
                node[field] = sorted(r for r in node[field] if not (free and self.builtin(r)))
        return {
            "format": _FORMAT, "nodes": self.nodes, "imports": _merge(self.imports), "binds": self.binds, "stars": self.stars,
            "walks": self.walks, "resources": self.resources, "doc": _sum(docs),
        }  # fmt: skip

    def builtin(self, ref):
        kind, _, chain = ref.partition(":")
        if kind not in ("r", "k", "m", "x", "n", "y", "h", "E", "s"):
            return False
        root = chain.partition(".")[0].partition("=")[0]
        return root in _BUILTINS and root not in self.binds and root not in self.bound

    def node(self, statement):
        cls = statement.__class__
        names = list(dict.fromkeys(self.names))
        defined = {r for r, deep in self.refs if not deep}
        whole = {r for r, _ in self.refs}
        if cls in (_ast.FunctionDef, _ast.AsyncFunctionDef):
            kind = "def"
        elif cls is _ast.ClassDef:
            kind = "class"
        elif cls in (_ast.Assign, _ast.AnnAssign) or type(statement).__name__ == "TypeAlias":
            kind = "assign" if names else "effect"
            if kind == "assign" and type(statement).__name__ != "TypeAlias" and isinstance(statement.value, _ast.Dict) and any("resource" in n.lower() for n in names):
                self.resources_of(statement.value)
        elif cls in (_ast.If, _ast.Try, _ast.With, _ast.For, _ast.While, _ast.AsyncWith, _ast.AsyncFor) or cls.__name__ in ("Match", "TryStar"):
            kind = "block"
            if not names and not whole and all(s.__class__ in (_ast.Import, _ast.ImportFrom, _ast.Pass) for s in getattr(statement, "body", ())):
                return  # imports alone, as below TYPE_CHECKING
        else:
            kind = "effect"
            if cls is _ast.Expr and not whole:
                return
            if cls is _ast.AugAssign:
                names = []  # a change, no definition
        line = min([statement.lineno] + [d.lineno for d in getattr(statement, "decorator_list", ())])
        whole -= defined
        signature = "\0".join(self.out)
        node = {
            "n": names, "k": kind, "l": line, "e": statement.end_lineno, "h": _sum(signature + "\0\0" + "\0".join(self.body_out)),
            "s": _sum(signature), "d": defined, "b": whole,
        }  # fmt: skip
        if self.docs:
            node["o"] = [_sum(self.docs[0]), _sum("\0".join(self.docs))]
            if kind in ("def", "class") and _own_doc(statement):
                node["doc"] = self.docs[0][:4000]
            else:
                node["o"][0] = ""
        if kind in ("def", "class"):
            chains = [_chain(d.func if d.__class__ is _ast.Call else d) for d in statement.decorator_list]
            node["t"] = [c for c in chains if c]
        if kind == "class":
            node["bases"] = [c for c in map(_chain, statement.bases) if c]
            if any(k.arg == "metaclass" for k in statement.keywords) or any(
                getattr(s, "name", "") in ("__init_subclass__", "__class_getitem__") for s in statement.body
            ):
                node["i"] = True
        if kind == "assign" and isinstance(getattr(statement, "value", None), _ast.Constant) and isinstance(statement.value.value, str):
            if _ENV_NAME.match(statement.value.value):
                node["v"] = statement.value.value
        if self.resource_names:
            node["p"] = sorted(set(self.resource_names))
        if self.reads_env:
            node["q"] = True
        if self.sites:
            node["u"] = self.sites
        if self.reflects:
            node["f"] = sorted(self.reflects)
        if self.notes:
            node["a"] = _sum("\0".join(self.notes))
        if self.gives:
            node["j"] = True
        if self.changes_itself:
            node["y"] = True
        if kind == "assign" and _chain(statement.value) is not None:
            node["z"] = _chain(statement.value)
        self.nodes.append(node)
        self.bound.update(names)

    bound = None
    current = 0


def _own_doc(statement):
    body = statement.body
    return bool(body) and body[0].__class__ is _ast.Expr and body[0].value.__class__ is _ast.Constant and isinstance(body[0].value.value, str)


def _merge(imports):
    merged = {}
    for level, module, names, lazy in imports:
        entry = merged.setdefault((level, module), [level, module, [], True])
        entry[2].extend(n for n in names if n not in entry[2])
        entry[3] = entry[3] and lazy
    return list(merged.values())


def _chain(node):
    """The dotted text of a name or of attributes of a name, None for anything else."""
    names = []
    while node.__class__ is _ast.Attribute:
        names.append(node.attr)
        node = node.value
    if node.__class__ is not _ast.Name:
        return None
    if not names:
        return node.id
    names.append(node.id)
    names.reverse()
    return ".".join(names)


def _constants(node):
    """The constants in an expression of calls, lists and tuples."""
    if node.__class__ is _ast.Constant:
        return [node]
    return [c for inner in getattr(node, "args", ()) or getattr(node, "elts", ()) for c in _constants(inner)]


def _root_chain(node):
    """The chain at the bottom of calls and subscripts: f.g for f.g(x)[0].h()."""
    while True:
        chain = _chain(node)
        if chain is not None:
            return chain
        if node.__class__ is _ast.Call:
            node = node.func
        elif node.__class__ in (_ast.Attribute, _ast.Subscript, _ast.Starred, _ast.Await):
            node = node.value
        else:
            return None


def _parameter_names(arguments):
    names = [a.arg for a in arguments.posonlyargs + arguments.args + arguments.kwonlyargs]
    return names + [a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None]


def _is_main(test):
    if test.__class__ is not _ast.Compare or len(test.ops) != 1 or test.ops[0].__class__ is not _ast.Eq:
        return False
    sides = (test.left, test.comparators[0])
    return any(_chain(s) == "__name__" for s in sides) and any(s.__class__ is _ast.Constant and s.value == "__main__" for s in sides)


_VISIT = {
    _ast.Constant: _Reader.constant,
    _ast.Name: _Reader.name,
    _ast.Attribute: _Reader.attribute,
    _ast.Subscript: _Reader.subscript,
    _ast.Compare: _Reader.compare,
    _ast.Call: _Reader.call,
    _ast.Expr: _Reader.expression,
    _ast.FunctionDef: _Reader.function,
    _ast.AsyncFunctionDef: _Reader.function,
    _ast.Lambda: _Reader.lambda_,
    _ast.ClassDef: _Reader.class_,
    _ast.AnnAssign: _Reader.annotated,
    _ast.AugAssign: _Reader.augmented,
    _ast.ListComp: _Reader.comprehension,
    _ast.SetComp: _Reader.comprehension,
    _ast.DictComp: _Reader.comprehension,
    _ast.GeneratorExp: _Reader.comprehension,
    _ast.BinOp: _Reader.binary,
    _ast.If: _Reader.if_,
    _ast.ExceptHandler: _Reader.handler,
    _ast.MatchAs: _Reader.match_name,
    _ast.MatchStar: _Reader.match_name,
    _ast.MatchMapping: _Reader.match_name,
    _ast.Global: _Reader.global_,
    _ast.Nonlocal: _Reader.nonlocal_,
    _ast.Import: _Reader.import_,
    _ast.ImportFrom: _Reader.import_from,
}

_IMPORT_LINE = re.compile(rb"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import|import[ \t]+([.\w]+))", re.M)


def summarise(content):
    """Reads the source bytes of one module; see _Reader. What does not parse gives {"error": {line, column, message}}; what is
    too large or nested too deeply gives a summary whose "opaque" says so: it counts as a whole."""
    if len(content) > MAX_BYTES:
        return _opaque(content, "a file of more than %d MiB" % (MAX_BYTES >> 20))
    null = content.find(b"\0")
    if null >= 0:
        place = {"line": content.count(b"\n", 0, null) + 1, "column": null - content.rfind(b"\n", 0, null)}
        return {"format": _FORMAT, "error": dict(place, message="source code cannot contain null bytes")}
    limit, collects = sys.getrecursionlimit(), gc.isenabled()
    try:
        gc.disable()  # a syntax tree has no cycles
        sys.setrecursionlimit(max(limit, 4000))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = compile(content, "<module>", "exec", 0x400, True)  # PyCF_ONLY_AST, no flags of this file
        reader = _Reader()
        reader.bound = set()
        return reader.module(tree)
    except SyntaxError as e:
        return {"format": _FORMAT, "error": {"line": e.lineno or 1, "column": max(e.offset or 1, 1), "message": str(e.msg)}}
    except (ValueError, UnicodeError) as e:
        return {"format": _FORMAT, "error": {"line": 1, "column": 1, "message": str(e)}}
    except (RecursionError, MemoryError):
        return _opaque(content, "code nested too deeply")
    finally:
        sys.setrecursionlimit(limit)
        if collects:
            gc.enable()


def _opaque(content, why):
    imports = []
    for match in _IMPORT_LINE.finditer(content):
        text = (match.group(1) or match.group(2)).decode()
        imports.append([len(text) - len(text.lstrip(".")), text.lstrip("."), [], False])
    node = {
        "n": [], "k": "block", "l": 1, "e": content.count(b"\n") + 1, "h": sha256(content).hexdigest()[:32], "s": sha256(content).hexdigest()[:32],
        "d": ["w@%d|%s|" % (i[0], i[1]) for i in imports], "b": [],
    }  # fmt: skip
    return {
        "format": _FORMAT, "nodes": [node], "imports": _merge(imports), "binds": {}, "stars": [], "walks": False, "resources": [], "doc": "",
        "opaque": why,
    }  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------------
# Where modules and distributions lie


_OUTSIDE = frozenset(("site-packages", "dist-packages", "node_modules", "__pycache__"))


def _below(path, root):
    """Whether a real path lies below a root and not in an environment inside it."""
    if path != root and not path.startswith(root if root.endswith(os.sep) else root + os.sep):
        return False
    parts = path[len(root) :].split(os.sep)
    return not any(p in _OUTSIDE or p.startswith(".") and len(p) > 1 or p.startswith("python3.") for p in parts)


def _read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return None


def _names(folder):
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _pth(folder):
    """The folders that the .pth files of a site folder add, and the modules that editable finders map: ([folder], {name: path})."""
    folders, mapping = [], {}
    for name in _names(folder):
        if not name.endswith(".pth"):
            continue
        for line in (_read(os.path.join(folder, name)) or b"").decode("utf-8-sig", "replace").splitlines():
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if line.startswith(("import ", "import\t")):
                match = re.match(r"import\s+(__editable__\w+_finder)\b", line)
                if match:
                    mapping.update(_finder(os.path.join(folder, match.group(1) + ".py")))
                continue
            path = os.path.normpath(os.path.join(folder, line))
            if os.path.isdir(path):
                folders.append(path)
    return folders, mapping


def _finder(path):
    """MAPPING and NAMESPACES of a finder that setuptools wrote, read as text."""
    mapping = {}
    try:
        tree = compile(_read(path) or b"", path, "exec", 0x400, True)
        from ast import literal_eval

        for s in tree.body:
            target = s.target if s.__class__ is _ast.AnnAssign else s.targets[0] if s.__class__ is _ast.Assign else None
            if _chain(target) == "MAPPING" if target is not None else False:
                mapping.update({k: v for k, v in literal_eval(s.value).items() if isinstance(k, str) and isinstance(v, str)})
    except (SyntaxError, ValueError, AttributeError, RecursionError):
        return {}
    return mapping


def _direct_url(info):
    content = _read(os.path.join(info, "direct_url.json"))
    if content is None:
        return {}
    import json

    try:
        value = json.loads(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _url_path(url):
    if not isinstance(url, str) or not url.startswith("file://"):
        return None
    from urllib.parse import unquote

    path = unquote(url[len("file://") :])
    return os.path.normpath(path if path.startswith("/") else "/" + path.partition("/")[2])


def _top_levels(info):
    """The import names that a distribution installed."""
    record = _read(os.path.join(info, "RECORD"))
    if record is None:
        text = _read(os.path.join(info, "top_level.txt"))
        if text is None:
            return []
        return sorted(set(text.decode("utf-8", "replace").split()))
    found = set(re.findall(rb'(?m)^"?([^/,.\r\n"]+)(?:/[^,\r\n]*\.(?:py|so|pyd|pyc)|\.py|\.[^/,\r\n]*so|\.pyd)"?,', record))
    return sorted(n.decode("utf-8", "replace") for n in found if n != b"__pycache__")


def first_party_roots(sys_path, workspace_roots):
    """The folders (and single files) whose Python code belongs to the user, as real paths, sorted, none inside another that
    covers it: workspace_roots, their uv workspace members and path dependencies, what .pth files of sys_path add, editable
    installs (direct_url.json, setuptools' finders), and the installed copies of path dependencies that are not editable. It
    executes nothing: imports in .pth files are read as text."""
    roots = {os.path.realpath(r) for r in workspace_roots}
    for root in sorted(roots):
        roots.update(_declared_paths(root))
    for entry in sys_path:
        entry = os.path.abspath(entry or ".")
        if not os.path.isdir(entry):
            continue
        folders, mapping = _pth(entry)
        for path in folders + list(mapping.values()):
            real = os.path.realpath(path)
            if not any(part in _OUTSIDE for part in real.split(os.sep)) and os.path.exists(real):
                roots.add(real)
        for name in _names(entry):
            if not name.endswith(".dist-info"):
                continue
            info = os.path.join(entry, name)
            url = _direct_url(info)
            path = _url_path(url.get("url"))
            if path is None or not isinstance(url.get("dir_info"), dict):
                continue
            if os.path.isdir(path):
                roots.add(os.path.realpath(path))
            if not url["dir_info"].get("editable"):
                for top in _top_levels(info):
                    for installed in (os.path.join(entry, top), os.path.join(entry, top + ".py")):
                        if os.path.exists(installed):
                            roots.add(os.path.realpath(installed))
    return sorted(r for r in roots if not any(o != r and _below(r, o) for o in roots))


def _declared_paths(root):
    """uv workspace members and path dependencies that pyproject.toml of root, or of the uv workspace around it, names."""
    found = set()
    here, first = root, True
    for _ in range(12):
        content = _read(os.path.join(here, "pyproject.toml"))
        if content is not None:
            members, paths = _pyproject(content)
            if first:
                found.update(os.path.normpath(os.path.join(here, p)) for p in paths)
            if members is not None:
                import glob

                for pattern in members:
                    found.update(p for p in glob.glob(os.path.join(glob.escape(here), pattern)) if os.path.isfile(os.path.join(p, "pyproject.toml")))
                if not first and root not in {os.path.realpath(p) for p in found}:
                    found.clear()  # another workspace's
                elif not first:
                    found.update(os.path.normpath(os.path.join(here, p)) for p in paths)
                break
        first = False
        parent = os.path.dirname(here)
        if parent == here:
            break
        here = parent
    return {os.path.realpath(p) for p in found if os.path.isdir(p)}


def _pyproject(content):
    """([tool.uv.workspace] members or None, paths of path dependencies)."""
    text = content.decode("utf-8", "replace")
    try:
        import tomllib
    except ImportError:  # Python 3.10
        section, members, paths = "", None, []
        for line in re.sub(r"\[\s*\n\s*", "[", re.sub(r",\s*\n\s*", ", ", text)).splitlines():
            match = re.match(r"\s*\[([^\]\[]+)\]\s*(#.*)?$", line)
            if match:
                section = match.group(1).replace(" ", "")
            elif section == "tool.uv.workspace" and re.match(r"\s*members\s*=", line):
                members = re.findall(r"""["']([^"']+)["']""", line)
            elif section.startswith(("tool.uv.sources", "tool.poetry", "tool.pdm", "tool.pixi")):
                paths += re.findall(r"""\bpath\s*=\s*["']([^"']+)["']""", line)
        return members, paths
    try:
        tool = tomllib.loads(text).get("tool", {})
    except (tomllib.TOMLDecodeError, RecursionError):
        return None, []
    members, paths = None, []
    workspace = tool.get("uv", {}).get("workspace") if isinstance(tool.get("uv"), dict) else None
    if isinstance(workspace, dict):
        members = [m for m in workspace.get("members", []) if isinstance(m, str)]
    stack = [tool.get("uv", {}).get("sources", {}) if isinstance(tool.get("uv"), dict) else {}, tool.get("poetry"), tool.get("pixi")]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if isinstance(value.get("path"), str):
                paths.append(value["path"])
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
    return members, paths


class _Distributions:
    """Which distributions provide an import name, with their versions, from the names of *.dist-info folders and RECORD."""

    def __init__(self, entries):
        self.entries, self.key, self.by_name, self.infos, self.told = entries, None, None, [], {}

    def refresh(self):
        """Looks again when a site folder changed; reports whether it did."""
        key = []
        for entry in self.entries:
            try:
                key.append(os.stat(entry).st_mtime_ns)
            except OSError:
                key.append(0)
        if key == self.key:
            return False
        infos = []
        for entry in self.entries:
            infos.extend(os.path.join(entry, n) for n in _names(entry) if n.endswith((".dist-info", ".egg-info")))
        changed = infos != self.infos
        self.key, self.infos = key, infos
        if changed:
            self.by_name, self.told = None, {}
        return changed

    def versions(self, name):
        """[(distribution, version)] of a top-level import name, first on the path wins."""
        told = self.told.get(name)
        if told is None:
            if self.by_name is None:
                self.by_name = {}
                for info in self.infos:
                    for top in _top_levels(info):
                        self.by_name.setdefault(top, []).append(info)
            seen = {}
            for info in self.by_name.get(name, ()):
                project, version = self.identity(info)
                seen.setdefault(project, version)
            told = self.told[name] = sorted(seen.items())
        return told

    def identity(self, info):
        base = os.path.basename(info).rsplit(".", 1)[0]
        project, _, version = base.partition("-")
        if not version or info.endswith(".egg-info"):
            content = _read(os.path.join(info, "METADATA")) or _read(os.path.join(info, "PKG-INFO")) or b""
            match = re.search(rb"(?m)^Version:[ \t]*(\S+)", content)
            version = match.group(1).decode("utf-8", "replace") if match else version.partition("-py")[0]
        url = _direct_url(info)
        for field in ("vcs_info", "archive_info"):
            value = url.get(field)
            if isinstance(value, dict):
                version += " " + str(value.get("commit_id") or value.get("hash") or value.get("hashes") or "")[:64]
        return re.sub(r"[-_.]+", "-", project).lower(), version.strip()


class _Spec:
    __slots__ = ("file", "folders", "ours")

    def __init__(self, file, folders, ours):
        self.file, self.folders, self.ours = file, folders, ours  # file None: a namespace package; folders: where submodules lie


class _Finder:
    """Finds modules as Python's path finder does, by listings of folders, so that spelling counts on every file system."""

    def __init__(self, roots, sys_path):
        self.roots = sorted({os.path.realpath(r) for r in roots})
        self.entries, self.mapping = [], {}
        extra = []
        for entry in sys_path:
            entry = os.path.abspath(entry or ".")
            if entry not in self.entries:
                self.entries.append(entry)
        for entry in list(self.entries):
            if any(n.endswith(".pth") for n in _names(entry)):
                folders, mapping = _pth(entry)
                extra += folders
                self.mapping.update(mapping)
        self.entries += [e for e in dict.fromkeys(extra) if e not in self.entries]
        self.sites = list(self.entries)
        # an editable install whose finder we cannot read: its project folder, or src in it
        for root in self.roots:
            for folder in (root, os.path.join(root, "src")):
                if folder not in self.entries and os.path.isdir(folder):
                    self.entries.append(folder)
        self.forget()

    def forget(self):
        self.listings, self.found, self.reals = {}, {}, {}

    def listing(self, folder):
        names = self.listings.get(folder)
        if names is None:
            names = {}
            try:
                with os.scandir(folder) as entries:
                    for e in entries:
                        try:
                            names[e.name] = e.is_dir()
                        except OSError:
                            continue
            except OSError:
                pass
            self.listings[folder] = names
        return names

    def ours(self, path):
        """Whether a file or folder is first-party. The folder's real path decides; links to single files are followed."""
        folder, base = os.path.split(path)
        real = self.reals.get(folder)
        if real is None:
            real = self.reals[folder] = os.path.realpath(folder)
        path = os.path.join(real, base)
        if os.path.islink(path):
            path = os.path.realpath(path)
        return any(_below(path, root) for root in self.roots)

    def find(self, name):
        """The _Spec of a dotted name, None when there is no such module."""
        if name in self.found:
            return self.found[name]
        self.found[name] = None  # a cycle of links ends
        parent, _, last = name.rpartition(".")
        if parent:
            spec = self.find(parent)
            folders = spec.folders if spec is not None else ()
        else:
            folders = self.entries
        spec = self.search(folders, last)
        if spec is None and not parent and name in self.mapping:
            path = self.mapping[name]
            if os.path.isdir(path):
                init = os.path.join(path, "__init__.py")
                spec = _Spec(init if os.path.isfile(init) else None, [path], self.ours(init))
            else:
                path = path if os.path.isfile(path) else path + ".py"
                spec = _Spec(path, [], self.ours(path)) if os.path.isfile(path) else None
        self.found[name] = spec
        return spec

    def search(self, folders, last):
        portions = []
        for folder in folders:
            names = self.listing(folder)
            is_folder = names.get(last)
            if is_folder:
                path = os.path.join(folder, last)
                inside = self.listing(path)
                if inside.get("__init__.py") is False:
                    init = os.path.join(path, "__init__.py")
                    return _Spec(init, [path], self.ours(init))
                if any(n.startswith("__init__.") and n.endswith((".so", ".pyd")) for n in inside):
                    return _Spec(None, [], False)
                portions.append(path)
            if names.get(last + ".py") is False:
                file = os.path.join(folder, last + ".py")
                return _Spec(file, [], self.ours(file))
            if any(n.startswith(last + ".") and n.endswith((".so", ".pyd")) for n in names) if last + ".py" not in names and len(names) < 4000 else False:
                return _Spec(None, [], False)
        if portions:
            return _Spec(None, portions, any(self.ours(os.path.join(p, "__init__.py")) for p in portions))
        return None

    def below(self, name, limit=5000):
        """The names of all first-party modules in a package, itself first; folders that lie in a cycle of links once."""
        found, queue, seen = [], [name], set()
        while queue and len(found) < limit:
            name = queue.pop(0)
            spec = self.find(name)
            if spec is None or not spec.ours:
                continue
            found.append(name)
            for folder in spec.folders:
                real = os.path.realpath(folder)
                if real in seen:
                    continue
                seen.add(real)
                for entry, is_folder in sorted(self.listing(folder).items()):
                    stem = entry if is_folder else entry[:-3] if entry.endswith(".py") else ""
                    if stem.isidentifier() and stem not in ("__init__", "__pycache__", "__main__"):
                        queue.append(name + "." + stem)
        return list(dict.fromkeys(found))

    def name_of(self, file):
        """The dotted name under which a file is imported: by the entry that gives the shortest one that finds it."""
        real, best = os.path.realpath(file), None
        for entry in self.entries:
            base = os.path.realpath(entry)
            if not real.startswith(base + os.sep) or not real.endswith(".py"):
                continue
            parts = real[len(base) + 1 : -3].split(os.sep)
            if parts[-1] == "__init__":
                parts.pop()
            if not parts or not all(p.isidentifier() for p in parts):
                continue
            name = ".".join(parts)
            spec = self.find(name)
            if spec is not None and spec.file is not None and os.path.realpath(spec.file) == real and (best is None or len(parts) < best.count(".") + 1):
                best = name
        return best


# ---------------------------------------------------------------------------------------------------------------------------
# The index


class _File:
    __slots__ = ("path", "real", "stat", "racy", "hash", "content", "lines", "summary")


class _Module:
    __slots__ = ("name", "file", "package", "folders", "summary", "source", "symbols", "bind", "linked", "gen", "deps", "surface", "globals", "roots", "trail", "places")


class _Link:
    """A node with its references followed. Targets are strings: a symbol, or #module (its effects), *module (all of it),
    !module:name (third-party), ~module (does not parse)."""

    __slots__ = ("symbol", "module", "node", "own", "targets", "defined", "calls", "all_calls", "changes", "all_changes", "outside", "all_outside", "env", "env_defined", "reasons", "loose", "definition", "later", "parents", "edges", "drops", "dynamic", "lines", "others", "subclassed", "given", "itself")  # fmt: skip


class _Graph:
    """Everything linked: ids, edges, Merkle hashes, reach as bit sets."""


def _outside_name(target):
    return target[1:].partition(":")[0]


class Index:
    """The parsed source of one code location.

    roots: first-party folders, as first_party_roots gives them. sys_path: the import path of the location's interpreter, working
    directory first. cache_dir: a folder for summaries by content hash, "" for none; it may be shared and deleted at any time.
    env: the environment of the steps, os.environ when None.

    Not for several threads. Methods raise nothing for what the project's files contain.
    """

    def __init__(self, roots, sys_path, cache_dir="", env=None):
        self.finder = _Finder(roots, sys_path)
        self.dists = _Distributions(self.finder.sites)
        self.cache_dir = os.path.join(cache_dir, "%s-%d-%s" % (ALGORITHM, _FORMAT, PYTHON)) if cache_dir else ""
        self.env = os.environ if env is None else env
        self.files, self.modules, self.alias = {}, {}, {}
        self.gen, self.graph, self.previous, self.parsed, self.renamed, self.trail = 0, None, None, 0, False, set()
        self.entry_names, self.wholes, self.outside_hashes, self.memo = (), (), {}, {}
        self.errors = []  # [{file, line, column, message}] of the modules that the last versions() looked at

    # Files

    def update(self, changed_files=None):
        """Looks again at files that changed, were made or removed (folders stand for what is in them). None looks at everything
        that the index has read, by stat, and reads again what changed, or changed less than 2 s before it was read."""
        structure = changed_files is None
        if changed_files is None:
            for file in list(self.files.values()):
                self.check(file, force=file.racy)
        else:
            for path in changed_files:
                path = os.path.abspath(path)
                real = os.path.realpath(path)
                files = [f for f in self.files.values() if f.path == path or f.real == real]
                for file in files:
                    self.check(file, force=True)
                if not files and (path.endswith((".py", ".pth", ".so", ".pyd", "direct_url.json")) or not os.path.isfile(path)):
                    structure = True
                    for file in list(self.files.values()):
                        if _below(file.real, real):
                            self.check(file, force=True)
        if structure:
            before = self.finder.listings
            self.finder.forget()
            if any(self.finder.listing(folder) != names for folder, names in before.items()):
                self.restructure()

    def restructure(self):
        self.gen += 1
        self.modules, self.graph, self.previous = {}, None, None

    def check(self, file, force):
        """Reads a file again when it may have changed; one that is gone changes which modules there are."""
        try:
            stat = _stat_key(os.stat(file.path))
        except OSError:
            stat = None
        if stat == file.stat and not force:
            return
        before = file.hash
        if stat is None or not self.read(file):
            self.files.pop(file.path, None)
            self.finder.forget()
            self.restructure()
        elif file.hash != before:
            self.graph = None

    def read(self, file):
        try:
            info = os.stat(file.path)
            content = _read(file.path) if os.path.isfile(file.path) else None
        except OSError:
            return False
        if content is None:
            return False
        import time

        file.stat = _stat_key(info)
        file.racy = max(info.st_mtime, info.st_ctime) > time.time() - 2
        digest = sha256(content).hexdigest()
        if file.hash != digest:
            file.hash, file.content, file.lines, file.summary = digest, content, None, self.summary(digest, content)
        return True

    def summary(self, digest, content):
        import json

        path = os.path.join(self.cache_dir, digest[:2], digest[2:40] + ".json") if self.cache_dir else ""
        if path:
            cached = _read(path)
            if cached is not None:
                try:
                    value = json.loads(cached)
                    if value.get("format") == _FORMAT and value.get("hash") == digest:
                        return value
                except (ValueError, AttributeError):
                    pass
        value = summarise(content)
        self.parsed += 1
        if path:
            value["hash"] = digest
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                temporary = "%s.%d.tmp" % (path, os.getpid())
                with open(temporary, "w", encoding="utf-8", errors="surrogatepass") as f:
                    json.dump(value, f, separators=(",", ":"))
                os.replace(temporary, path)
            except (OSError, ValueError, TypeError):
                pass  # a cache only saves work
        return value

    def load(self, path):
        file = self.files.get(path)
        if file is None:
            file = _File()
            file.path, file.real, file.hash = path, os.path.realpath(path), None
            if not self.read(file):
                return None
            self.files[path] = file
        return file

    # Modules

    def module(self, name):
        """The first-party module of a name, read; None when it is none."""
        module = self.modules.get(name, self)
        if module is not self:
            if module is not None and module.source is not None and module.summary is not module.source.summary:
                self.digest(module)
            return module
        spec = self.alias.get(name) or self.finder.find(name)
        if spec is None or not spec.ours:
            self.modules[name] = None
            return None
        module = _Module()
        module.name, module.file, module.folders = name, spec.file, spec.folders
        module.package = name if spec.folders else name.rpartition(".")[0]
        module.source = self.load(spec.file) if spec.file else None
        module.surface = module.linked = module.deps = None
        module.trail = set()  # (module, name) that following its references asked for
        module.gen = -1
        self.modules[name] = module
        self.digest(module)
        return module

    def digest(self, module):
        """Numbers the nodes of a module: symbols, and what its names are bound to."""
        summary = module.summary = module.source.summary if module.source is not None else None
        module.symbols, module.bind, module.linked, module.deps, module.roots, module.places = [], {}, None, None, {}, {}
        if summary is not None and "error" not in summary:
            for name, targets in summary["binds"].items():
                module.bind[name] = [tuple(t) for t in targets]
            counts = {}
            for node in summary["nodes"]:
                if node["k"] == "effect" or not node["n"]:
                    changed = sorted({r.partition(":")[2] for r in node["d"] if r[:2] in ("m:", "x:")} - {""})
                    label = module.name + (" changes " + ", ".join(changed[:3]) if changed else " at module level")
                else:
                    label = module.name + "." + node["n"][0]
                counts[label] = counts.get(label, 0) + 1
                symbol = label if counts[label] == 1 else "%s#%d" % (label, counts[label])
                module.symbols.append(symbol)
                for name in node["n"]:
                    module.bind.setdefault(name, []).append(symbol)
            module.places = {symbol: i for i, symbol in enumerate(module.symbols)}
            for symbol, node in zip(module.symbols, summary["nodes"]):
                for ref in node["d"] + node["b"]:
                    if ref.startswith("g:"):
                        bound = module.bind.setdefault(ref[2:], [])
                        if symbol not in bound:
                            bound.append(symbol)
        nodes = summary["nodes"] if summary is not None and "error" not in summary else ()
        module.globals = any(not _REBINDS.isdisjoint(node["d"]) for node in nodes)
        traits = {}
        for symbol, n in zip(module.symbols, nodes):
            for name in n["n"]:
                traits.setdefault(name, []).append((symbol, n["k"], n.get("q"), n.get("v"), n.get("i")))
        for name, bound in module.bind.items():
            traits.setdefault(name, []).append(bound)
        before, module.surface = module.surface, (traits, summary and summary.get("stars"), summary and "error" in summary, module.globals)
        if before is None or before == module.surface:
            return
        self.renamed = True
        if before[1:] != module.surface[1:]:
            self.gen += 1  # any name may mean something else
            return
        names = {(module.name, n) for n in set(before[0]) | set(traits) if before[0].get(n) != traits.get(n)}
        for other in self.modules.values():
            if other is not None and not names.isdisjoint(other.trail):
                other.linked, other.roots = None, {}

    def absolute(self, module, level, name):
        if not level:
            return name
        parts = module.package.split(".") if module.package else []
        if level - 1 >= len(parts):
            return None if not parts or level - 1 > len(parts) else name or None
        base = parts[: len(parts) - (level - 1)]
        return ".".join(base + ([name] if name else []))

    def dependencies(self, module):
        """The first-party modules that a module imports, its packages first; second, those imported when it is."""
        if module.deps is not None:
            return module.deps
        always, all_of = [], []
        parts = module.name.split(".")
        for i in range(1, len(parts)):
            always.append(".".join(parts[:i]))
        summary = module.summary
        if summary is not None and "error" not in summary:
            for level, name, names, lazy in summary["imports"]:
                base = self.absolute(module, level, name)
                if not base:
                    continue
                pieces = base.split(".")
                wanted = [".".join(pieces[: i + 1]) for i in range(len(pieces))] + [base + "." + n for n in names]
                (all_of if lazy else always).extend(wanted)
            for node in summary["nodes"]:
                for refs, into in ((node["d"], always), (node["b"], all_of)):
                    for ref in refs:
                        if ref.startswith("p:"):
                            into.extend(self.below_prefix(module, ref[2:]))
            if summary["walks"]:
                always.extend(self.finder.below(module.name.partition(".")[0]))
        ours = [n for n in dict.fromkeys(always) if n != module.name and self.module(n) is not None]
        late = [n for n in dict.fromkeys(all_of) if n != module.name and n not in ours and self.module(n) is not None]
        module.deps = (ours, ours + late)
        return module.deps

    def below_prefix(self, module, prefix):
        """The modules that import_module with a name that begins so may load."""
        if prefix.startswith("."):
            base = module.package
        elif "." in prefix:
            base = prefix.rpartition(".")[0]
        else:
            base = module.name.partition(".")[0]
        return self.finder.below(base)

    def closure(self, names):
        """All first-party modules that importing some may load, sorted by name."""
        seen, queue = set(), list(names)
        while queue:
            name = queue.pop()
            if name in seen:
                continue
            module = self.module(name)
            if module is None:
                continue
            seen.add(name)
            queue.extend(n for n in self.dependencies(module)[1] if n not in seen)
        return sorted(seen)

    # References

    def lookup(self, module, name, rest, seen):
        key = (module.name, name)
        if key in seen:
            return frozenset()
        self.trail.add(key)
        seen = seen | {key}
        found, bound = set(), module.bind.get(name)
        for b in bound or ():
            if isinstance(b, str):
                found.add(b)
            else:
                base = self.absolute(module, b[0], b[1])
                if base is not None:
                    found |= self.member(base, ([b[2]] if b[2] else []) + rest, seen)
        # A star import may bind the name as well, before or after; __all__ says whether.
        if module.summary is not None and "error" not in module.summary and not (name == "__all__" and bound):
            for level, star in module.summary["stars"]:
                base = self.absolute(module, level, star)
                if base is None:
                    continue
                other = self.module(base)
                if other is None:
                    if name not in _BUILTINS and not bound:
                        found.add("!%s:%s" % (base, name))
                elif "error" in (other.summary or ()):
                    found.add("~" + base)
                else:
                    more = self.lookup(other, name, rest, seen)
                    found |= more
                    if more or bound:
                        self.trail.add((other.name, "__all__"))
                        found.update(b for b in other.bind.get("__all__", ()) if isinstance(b, str))
        return found

    def member(self, base, rest, seen):
        """What the names rest mean, beginning at a module."""
        module = self.module(base)
        if module is None:
            return frozenset(("!%s:%s" % (base, ".".join(rest)),))
        if not rest:
            return frozenset(("@" + base,))
        if module.summary is not None and "error" in module.summary:
            return frozenset(("~" + base,))
        found = self.lookup(module, rest[0], rest[1:], seen)
        if found:
            return found
        if self.module(base + "." + rest[0]) is not None:
            return self.member(base + "." + rest[0], rest[1:], seen)
        if module.source is None:
            return frozenset(("!%s.%s:%s" % (base, rest[0], ".".join(rest[1:])),))
        if rest[0] in _MODULE_DUNDERS:
            return frozenset(("#" + base,))
        return frozenset(("*" + base, "?no name %s in %s" % (rest[0], base)))

    def follow(self, module, ref):
        """(kind, chain, targets) of a reference."""
        kind, _, chain = ref.partition(":")
        if "@" in kind:
            kind, chain = ref.split("@", 1)
            level, name, rest = chain.split("|", 2)
            base = self.absolute(module, int(level), name)
            if base is None:
                return kind, chain, frozenset()
            return kind, rest or name, self.member(base, rest.partition("=")[0].split(".") if rest.partition("=")[0] else [], frozenset())
        names = chain.partition("=")[0].split(".")
        found = self.lookup(module, names[0], names[1:], frozenset())
        if not found and module.summary is not None and names[0] not in _BUILTINS and names[0] not in _MODULE_DUNDERS:
            if "opaque" in module.summary or module.globals:
                found = {"*" + module.name, "?a name that only globals() can define in " + module.name}
        return kind, chain, found

    def link(self, module, symbol, node, defined, body):
        """Follows the references of a node."""
        l = _Link()
        l.symbol, l.module, l.node = symbol, module, node
        l.targets, l.defined, l.calls, l.all_calls, l.changes, l.all_changes = set(), set(), set(), set(), set(), set()
        l.env, l.env_defined, l.reasons, l.outside, l.all_outside, l.loose = set(), set(), set(), False, False, False
        l.others, l.subclassed, l.given, l.itself = set(), set(), set(), bool(node.get("y"))
        own = [node["h"]]
        here = (" in " + symbol,)
        for refs, deep in ((defined, False), (body, True)):
            for ref in refs:
                if ref[1] == ":" and ref[0] in "egzpc":
                    kind, chain, found = ref[0], ref[2:], ()
                else:
                    kind, chain, found = self.follow(module, ref)
                targets = set()
                outside = False
                if kind == "r":
                    for t in found:
                        if t[0] == "@":
                            targets.add("*" + t[1:])
                            l.reasons.add("module %s used as a value%s" % (t[1:], here[0]))
                        elif t[0] == "?":
                            l.reasons.add(t[1:] + here[0])
                        else:
                            targets.add(t)
                    if not found:
                        l.loose = l.loose or chain.partition(".")[0] not in _BUILTINS
                    if chain.endswith(".__subclasses__") or ".__subclasses__." in chain:
                        l.reasons.add("__subclasses__ in " + module.name)
                        targets.add("*" + module.name)
                    if not deep:
                        l.given |= {"#" + t[1:] if t[0] == "@" else t for t in found if t[0] not in "!#~?*"}
                        same = [t for t in found if t in module.places]
                        if len(same) > 1 and symbol in module.places:  # which of them it is depends on what stands before it
                            own.append("after %d" % sum(module.places[t] < module.places[symbol] for t in same))
                    own.append(ref + "=" + ",".join(sorted(targets)))
                elif kind == "k":
                    calls = {t for t in found if t[0] not in "!@#*~?"}
                    l.all_calls |= calls
                    if not _LOADS.isdisjoint(found) and not chain.endswith("import_module"):
                        targets.add("**")
                        l.reasons.add("a module loaded by name%s" % here[0])
                        own.append("**")
                    if not deep:
                        l.calls |= calls
                elif kind in "mxn":
                    last = chain.rpartition(".")[2]
                    changes = set()
                    for t in found:
                        if t[0] == "!":
                            outside = outside or kind != "n" and last not in _LOGS
                        elif t[0] in "@*":
                            if kind == "m":
                                changes.add("#" + t[1:])
                        elif t[0] in "#~?":
                            continue
                        elif kind == "m" or "." in chain and last not in _LOGS:
                            changes.add(t)
                    l.itself = l.itself or deep and symbol in changes
                    changes.discard(symbol)
                    l.all_changes |= changes
                    l.all_outside = l.all_outside or outside
                    if not deep:
                        l.changes |= changes
                        l.outside = l.outside or outside
                elif kind == "y":
                    for t in found:
                        if t[0] == "@":
                            targets.add("*" + t[1:])
                            l.reasons.add("getattr with a computed name on module %s%s" % (t[1:], here[0]))
                        elif t[0] != "?":
                            targets.add(t)
                    own.append(ref + "=" + ",".join(sorted(targets)))
                elif kind == "s":
                    l.subclassed |= {t for t in found if t[0] not in "!@#*~?"}
                elif kind == "c":
                    chain = chain.partition(".")[0]
                    if chain not in module.bind:
                        targets.add("*" + module.name)
                        l.reasons.add(chain + here[0])
                elif kind == "w":
                    for t in found:
                        if t[0] == "@":
                            targets.add("*" + t[1:])
                            l.reasons.add("module %s loaded by name%s" % (t[1:], here[0]))
                        elif t[0] != "?":
                            targets.add(t)
                    own.append(ref)
                elif kind == "p":
                    targets |= {"*" + n for n in self.below_prefix(module, chain)}
                    if not chain:
                        targets.add("**")
                    l.reasons.add("import_module with a computed name" + here[0])
                elif kind == "e":
                    l.env.add(chain)
                    if not deep:
                        l.env_defined.add(chain)
                elif kind == "h":
                    if any(self.flags.get(t) == "q" for t in found):
                        l.env.add(chain.partition("=")[2])
                        if not deep:
                            l.env_defined.add(chain.partition("=")[2])
                elif kind == "E":
                    values = {self.flags[t][1:] for t in found if self.flags.get(t, "").startswith("v")}
                    l.env |= values
                    if not deep:
                        l.env_defined |= values
                    if not values:
                        l.reasons.add("an environment variable with a computed name" + here[0])
                elif kind == "z":
                    l.reasons.add(chain + here[0])
                targets.discard(symbol)
                l.targets |= targets
                if not deep:
                    l.defined |= targets
        l.own = _sum("\0".join(own))
        l.definition, l.later, l.parents, l.lines = l.own, None, (), None
        l.edges = ["#" + module.name] + ["!" + _outside_name(t) if t[0] == "!" else t for t in l.targets]
        l.drops = any(r[:2] in ("x:", "m:") for r in defined)
        l.dynamic = not _REBINDS.isdisjoint(defined)
        if node["k"] in ("def", "class"):
            own = [node["s"]]
            for ref in defined:
                if ref.startswith("r"):
                    own.append(ref + "=" + ",".join(sorted(t for t in self.follow(module, ref)[2] if t[0] != "?")))
            l.definition = _sum("\0".join(own))
            l.parents = [t for base in node.get("bases", ()) for t in self.follow(module, "r:" + base)[2]]
            l.later = self.decorated(module, node) if node["k"] == "def" else None
        return l

    def decorated(self, module, node):
        """What the decorators say of when the body runs: True for later, False for when it is defined, None for nothing."""
        later, ours = None, False
        for chain in node.get("t", ()):
            for t in self.follow(module, "r:" + chain)[2]:
                if t.startswith("!dagster"):
                    name = t.rpartition(":")[2].rpartition(".")[2]
                    if name in _EAGER:
                        return False
                    if name in _LAZY or name.endswith("_assets"):
                        later = True
                elif t[0] not in "!@#~?":
                    ours = True  # a decorator of the project may call the function
        return False if ours and later is None else later

    def links(self, module):
        if module.linked is None or module.gen != self.gen:
            module.linked, module.roots, module.trail = [], {}, set()
            self.trail = module.trail
            summary = module.summary
            if summary is not None and "error" not in summary:
                for symbol, node in zip(module.symbols, summary["nodes"]):
                    module.linked.append(self.link(module, symbol, node, node["d"], node["b"]))
            module.gen = self.gen
        return module.linked

    # The graph

    def build(self, entries, wholes=()):
        """Links everything that the entries load; wholes are modules of which all counts."""
        if self.dists.refresh():
            self.graph = self.previous = None
            self.outside_hashes = {}
        names, wholes = tuple(sorted(set(entries))), tuple(sorted(set(wholes)))
        if self.graph is not None and (names, wholes) == (self.entry_names, self.wholes):
            return self.graph
        previous = self.previous if (names, wholes) == (self.entry_names, self.wholes) else None
        self.entry_names, self.wholes = names, wholes
        g = _Graph()
        g.extra = previous.extra if previous is not None else ()  # modules that are reached although nothing imports them
        while True:
            g.gen = self.gen
            g.names = self.closure(names + g.extra)
            if g.gen == self.gen:
                break
        if previous is not None and not self.renamed and previous.gen == g.gen and previous.names == g.names and self.rehash(previous):
            self.graph, self.memo = previous, {}
            return previous
        g.extra = ()
        while True:
            g.names = self.closure(names + g.extra)
            loaded, missing = set(g.names), set()
            self.traits(g.names)
            for name in g.names:
                for l in self.links(self.modules[name]):
                    for t in l.targets:
                        if t[0] != "!" and t != "**" and t[1:] not in loaded:
                            owner = self.owner(t)
                            if owner is not None and owner not in loaded:
                                missing.add(owner)
            if not missing:
                break
            g.extra = tuple(sorted(missing.union(g.extra)))
            self.gen += 1
            g.gen = self.gen
        g.shapes = {}
        g.links, g.resources, resources = {}, {}, []
        for name in g.names:
            module = self.modules[name]
            for l in self.links(module):
                g.links[l.symbol] = l
            g.shapes[name] = self.shape(module)
            self.trail = module.trail
            for key, digest, refs, line, end, owner in (module.summary or {}).get("resources", ()):
                node = {"h": digest, "l": line, "e": end, "k": "effect", "n": []}
                symbol = "%s resource %s" % (name, key)
                while symbol in g.links:
                    symbol += "'"
                l = self.link(module, symbol, node, refs, ())
                if l.loose and owner < len(module.symbols):
                    l.edges.append(module.symbols[owner])
                g.links[symbol] = l
                g.resources.setdefault(key, []).append(symbol)
                resources.append(symbol)
        g.keys = list(g.links)
        ids = g.ids = {symbol: i for i, symbol in enumerate(g.keys)}
        g.edges = [set() for _ in g.keys]  # what nodes name
        g.added = {}  # what else they reach
        g.called = set()  # what runs when modules are imported

        def identity(target):
            i = ids.get(target)
            if i is None:
                i = ids[target] = len(g.keys)
                g.keys.append(target)
                g.edges.append(set())
            return i

        def add(i, j):
            if i in g.added:
                g.added[i].add(j)
            else:
                g.added[i] = {j}

        asked = set()  # classes whose subclasses somebody asks for
        for l in g.links.values():
            asked |= l.subclassed
        g.asked = asked
        for symbol, l in g.links.items():
            edges = g.edges[ids[symbol]]
            for t in l.edges:
                i = ids.get(t)
                edges.add(identity(t) if i is None else i)
            for p in l.node.get("p", ()) if g.resources else ():
                for r in g.resources.get(p, ()):
                    add(ids[symbol], ids[r])
            for t in l.parents:
                parent = g.links.get(t)
                if parent is not None and self.sees_subclasses(parent, g):
                    add(ids[t], ids[symbol])
        if resources:
            for symbol, l in g.links.items():
                if l.node.get("p") and "*" in g.resources and not any(p in g.resources for p in l.node["p"]):
                    if any(r.partition(":")[2].endswith("Resource") for r in l.node["d"] if r.startswith("r:")):
                        for r in g.resources["*"]:
                            add(ids[symbol], ids[r])
        # changes at module level
        changers = {}  # what changes a thing
        for name in g.names:
            if self.modules[name].globals:  # they may bind any name of the module
                for d in [ids[l.symbol] for l in self.modules[name].linked if l.dynamic]:
                    for l in self.modules[name].linked:
                        add(ids[l.symbol], d)
        for symbol, l in g.links.items():
            kind = l.node["k"]
            if not l.calls and not l.changes and kind != "effect" and kind != "block" and not (kind == "class" and l.parents):
                continue
            changes, outside, called = set(l.changes), l.outside, set()
            stack = list(l.calls)
            if kind == "class":  # the metaclass of a base, and its __init_subclass__, run when a class is made
                stack += [t for t in l.parents if t in g.links and self.sees_subclasses(g.links[t], g)]
            while stack:
                t = stack.pop()
                if t in called or t not in g.links:
                    continue
                called.add(t)
                c = g.links[t]
                changes |= c.all_changes
                if c.itself:
                    changes.add(t)
                if c.node.get("j"):  # it may change whatever it is given
                    changes |= l.given
                outside = outside or c.all_outside
                stack.extend(c.all_calls)
            for t in list(changes):  # another name of the same thing
                seen = 0
                while t in g.links and "z" in g.links[t].node and seen < 20:
                    seen += 1
                    named = [n for n in g.links[t].given if n != t]
                    changes.update(named)
                    t = named[0] if len(named) == 1 else ""
            if kind in ("effect", "block") and symbol not in resources:
                unknown = not changes and not l.dynamic
                if outside and l.drops or unknown and (kind == "effect" or l.drops):
                    add(identity("#" + l.module.name), ids[symbol])
                    changers.setdefault("#" + l.module.name, []).append(symbol)
            for t in changes:
                if t != symbol and (t in ids or t[0] == "#" and t[1:] in loaded):
                    add(identity(t), ids[symbol])
                    changers.setdefault(t, []).append(symbol)
            g.called |= called
        g.sequence = {}  # in which order a thing is changed
        if any(len(c) > 1 for c in changers.values()):
            order = self.execution(g)
            for t, symbols in changers.items():
                if len(symbols) > 1:
                    symbols.sort(key=lambda x: order.get(g.links[x].module.name, 0))  # in one module they are in order already
                    g.sequence[identity(t)] = "\0" + _sum("\0".join(symbols))
        for name in g.names:
            module = self.modules[name]
            edges = g.edges[identity("#" + name)]
            for other in self.dependencies(module)[0]:
                edges.add(identity("#" + other))
            if module.summary is not None and "error" in module.summary:
                edges.add(identity("~" + name))
        for name in wholes:
            identity(name)
        done = 0
        while done < len(g.keys):  # whole modules, which may name further ones
            key = g.keys[done]
            done += 1
            if key[0] != "*":
                continue
            if key == "**":  # nobody knows which of the modules
                g.edges[g.ids[key]].update([identity("*" + name) for name in g.names])
                continue
            module = self.modules.get(key[1:])
            if module is None:
                continue
            edges = g.edges[g.ids[key]]
            edges.add(identity("#" + module.name))
            edges.update(g.ids[l.symbol] for l in module.linked or ())
            for targets in (module.summary or {}).get("binds", {}).values():
                for level, base, name in targets:
                    base = self.absolute(module, level, base)
                    if base is None:
                        continue
                    for t in self.member(base, [name] if name else [], frozenset()):
                        if t[0] == "@":
                            edges.add(identity("*" + t[1:]))
                        elif t[0] == "!":
                            edges.add(identity("!" + _outside_name(t)))
                        elif t[0] != "?":
                            edges.add(identity(t))
            for level, base in (module.summary or {}).get("stars", ()):
                base = self.absolute(module, level, base)
                if base is not None:
                    edges.add(identity(("*" if self.module(base) is not None else "!") + base))
        self.merkle(g)
        self.graph = self.previous = g
        self.renamed = False
        self.memo = {}
        return g

    def execution(self, g):
        """The place of each module in the order in which importing the entry points executes them."""
        order, begun = {}, set()
        for first in self.entry_names + tuple(g.names):
            stack = [(first, None)]
            while stack:
                name, rest = stack.pop()
                if rest is None:
                    if name in begun or self.module(name) is None:
                        continue
                    begun.add(name)
                    rest = iter(self.dependencies(self.modules[name])[0])
                below = next(rest, None)
                if below is None:
                    order[name] = len(order)
                else:
                    stack += [(name, rest), (below, None)]
        return order

    def owner(self, target):
        """The module of a symbol, or of what stands for a module."""
        if target[0] in "#*~@":
            return target[1:] if self.module(target[1:]) is not None else None
        name = target.rpartition(".")[0]
        return name if self.modules.get(name) is not None else None

    def traits(self, names):
        """Gathers what links have to know of the nodes that they follow names to."""
        self.flags = {}
        for name in names:
            module = self.modules[name]
            if module.summary is None or "error" in module.summary:
                continue
            for symbol, node in zip(module.symbols, module.summary["nodes"]):
                if node.get("q"):
                    self.flags[symbol] = "q"
                elif "v" in node:
                    self.flags[symbol] = "v" + node["v"]

    def shape(self, module):
        """What a module says to the graph beside the hashes of its nodes, what they name and what functions do when they are called."""
        return (
            self.dependencies(module),
            (module.summary or {}).get("resources"),
            [
                (
                    l.symbol, l.calls, l.changes, l.outside, l.drops, l.dynamic, l.parents, l.node["k"], l.node.get("p"), l.node.get("i"), l.subclassed, l.itself,
                    l.node.get("j"), l.node.get("z"), l.calls and l.given,
                )
                for l in module.linked
            ],
        )  # fmt: skip

    def rehash(self, g):
        """Takes changed nodes into a graph whose shape stays; False when it does not."""
        changed = []
        for name in g.names:
            module = self.modules[name]
            if module.linked is None or module.gen != self.gen:
                self.links(module)
                if self.shape(module) != g.shapes[name]:
                    return False
                changed.extend(module.linked)
        moved = []
        for l in changed:
            old = g.links[l.symbol]
            if l.symbol in g.called and (l.all_calls, l.all_changes, l.all_outside) != (old.all_calls, old.all_changes, old.all_outside):
                return False
            edges = {g.ids.get(t) for t in l.edges}
            i = g.ids[l.symbol]
            if edges != g.edges[i]:
                number = g.component[i]
                if None in edges or len(g.members[number]) > 1 or any(g.component[j] > number for j in edges):
                    return False  # something new, or a cycle may begin or end, or the order of components
                moved.append((i, edges))
        for i, edges in moved:
            g.edges[i] = edges
            number = g.component[i]
            g.below[number] = {g.component[j] for j in edges.union(g.added.get(i, ()))} - {number}
        dirty = set()
        for l in changed:
            i = g.ids[l.symbol]
            g.links[l.symbol] = l
            g.own[i] = l.own + g.sequence.get(i, "")
            dirty.add(g.component[i])
            bit = 1 << i
            g.env_mask = g.env_mask | bit if l.env else g.env_mask & ~bit
            g.reflect_mask = g.reflect_mask | bit if "f" in l.node else g.reflect_mask & ~bit
            g.reason_mask = g.reason_mask | bit if l.reasons or "opaque" in l.module.summary else g.reason_mask & ~bit
        for number, below in enumerate(g.below):
            if number in dirty or not dirty.isdisjoint(below):
                before = g.hash[number], g.reach[number]
                self.component(g, number)
                if before == (g.hash[number], g.reach[number]):
                    dirty.discard(number)
                else:
                    dirty.add(number)
        return True

    def component(self, g, number):
        """The hash and the reach of a component, from its members and the components below it."""
        text, reach = [], 0
        for m in g.members[number]:
            if g.own[m]:
                text.append(g.own[m] + g.keys[m])
                reach |= 1 << m
            elif g.keys[m][0] == "~":
                reach |= 1 << m
        text.sort()
        text.append("|")
        text += sorted({g.hash[c] for c in g.below[number]})
        for c in g.below[number]:
            reach |= g.reach[c]
        g.hash[number], g.reach[number] = _sum("\0".join(text)), reach

    def sees_subclasses(self, link, g, depth=0):
        if link.node.get("i") or link.symbol in g.asked:
            return True
        return depth < 20 and any(
            t in g.links and t != link.symbol and self.sees_subclasses(g.links[t], g, depth + 1) for t in link.parents
        )

    def merkle(self, g):
        """Tarjan's components in reverse order of reach; a component's hash covers its members and the components below."""
        n = len(g.keys)
        own = g.own = [""] * n
        g.env_mask = g.reason_mask = g.broken_mask = g.reflect_mask = 0
        for i, key in enumerate(g.keys):
            l = g.links.get(key)
            own[i] = g.sequence.get(i, "")
            if l is not None:
                own[i] = l.own + own[i]
                if l.env:
                    g.env_mask |= 1 << i
                if l.reasons or "opaque" in l.module.summary:
                    g.reason_mask |= 1 << i
                if "f" in l.node:
                    g.reflect_mask |= 1 << i
            elif key[0] == "!":
                own[i] = self.outside(key[1:])[0]
            elif key[0] == "~":
                g.broken_mask |= 1 << i
        edges = [list(e) for e in g.edges]
        for i, more in g.added.items():
            edges[i] = list(g.edges[i] | more)
        index, low, component = [0] * n, [0] * n, [-1] * n
        g.component, g.hash, g.reach, g.members, g.below = component, [], [], [], []
        stack, counter = [], 0
        for root in range(n):
            if index[root]:
                continue
            counter += 1
            index[root] = low[root] = counter
            stack.append(root)
            work = [(root, iter(edges[root]))]
            while work:
                v, it = work[-1]
                for w in it:
                    if not index[w]:
                        counter += 1
                        index[w] = low[w] = counter
                        stack.append(w)
                        work.append((w, iter(edges[w])))
                        break
                    if component[w] < 0 and index[w] < low[v]:
                        low[v] = index[w]
                else:
                    work.pop()
                    if work and low[v] < low[work[-1][0]]:
                        low[work[-1][0]] = low[v]
                    if low[v] == index[v]:
                        number, members = len(g.hash), []
                        while True:
                            w = stack.pop()
                            component[w] = number
                            members.append(w)
                            if w == v:
                                break
                        below = set()
                        for m in members:
                            below.update([component[w] for w in edges[m]])
                        below.discard(number)
                        g.members.append(members)
                        g.below.append(below)
                        g.hash.append("")
                        g.reach.append(0)
                        self.component(g, number)

    # Third-party packages

    def outside(self, name):
        """(hash, parts) of a third-party module by its name: its distributions, else its files, else that it is missing."""
        told = self.outside_hashes.get(name)
        if told is not None:
            return told
        top = name.partition(".")[0]
        parts = []
        if top not in _STDLIB and top not in sys.builtin_module_names:
            versions = self.dists.versions(top)
            for project, version in versions:
                parts.append({"kind": "environment", "symbol": project, "hash": version, "file": "", "line": 0, "text": "%s==%s" % (project, version)})
            if not versions:
                spec = self.finder.find(top)
                state = "not installed"
                if spec is not None:
                    state = self.tree_hash(spec)
                parts.append({"kind": "environment", "symbol": top, "hash": state, "file": "", "line": 0, "text": ""})
        told = ("" if not parts else _sum("\0".join(p["symbol"] + "=" + p["hash"] for p in parts)), parts)
        self.outside_hashes[name] = told
        return told

    def tree_hash(self, spec):
        """The content of a package that no distribution owns."""
        h, count = sha256(), 0
        if spec.file and not spec.folders:
            h.update(_read(spec.file) or b"")
        for folder in spec.folders:
            for base, folders, names in os.walk(folder):
                folders[:] = sorted(f for f in folders if f != "__pycache__")
                for name in sorted(names):
                    if name.endswith((".py", ".so", ".pyd")) and count < 500:
                        count += 1
                        h.update(os.path.relpath(os.path.join(base, name), folder).encode("utf-8", "surrogateescape") + b"\0")
                        h.update(sha256(_read(os.path.join(base, name)) or b"").digest())
        return h.hexdigest()[:16]

    # Answers

    def place(self, asset):
        """The module name in which an asset's function lies, None when it is not first-party."""
        name, file = asset.get("module") or "", asset.get("file") or ""
        if name and name != "__main__":
            module = self.module(name)
            if module is not None and module.file and (not file or _same(module.file, file)):
                return name
            if module is not None and not file:
                return name
        if file:
            file = os.path.abspath(file)
            found = self.finder.name_of(file)
            if found is None and os.path.isfile(file) and self.finder.ours(file):
                found = name if name and self.finder.find(name) is None else os.path.basename(file).rpartition(".py")[0] or os.path.basename(file)
                spec = self.finder.find(found)
                if spec is not None and not (spec.file and _same(spec.file, file)):
                    found = found + "(" + os.path.basename(os.path.dirname(file)) + ")"
                if found not in self.alias:
                    self.alias[found] = _Spec(file, [], True)
                    self.modules.pop(found, None)
            if found is not None:
                return found
        return name if name and self.module(name) is not None else None

    def versions(self, assets, entry=None, known=None, texts=True):
        """The code version of each asset by its key.

        assets: [{"key", "module" or "file", "qualname", "file", "line", "also": [{"module", "file", "qualname"}], "resources": [name]}];
        qualname is Python's __qualname__ of the asset's function, also what else belongs to it (the ops of a graph that has no
        function of its own, the I/O manager that stores it), resources the names under which what counts is bound. entry: {"module"} or {"file"} of the location's entry point, or a list of them; without it the assets' modules.
        known: {key: version}: an asset whose version is that is answered by {"version", "unchanged": True} alone.

        Each answer is {"version": "py1:…", "coarse": "" or why, "parts": [{kind, symbol, hash, file, line, text}], "doc", "file",
        "line"}. kind is "code" or "environment"; parts are sorted by symbol; file is absolute and may be ""; line counts from 1.
        When something it reaches does not parse, it is {"version": "", "error": {file, line, column, message}, …}. Under "" it is
        the version of the entry point (parts without text): while it stays, so do the definitions. Its "files" are all that was looked at:
        what a process loads besides is in no version."""
        collects = gc.isenabled()
        gc.disable()  # a collection in the middle costs more than all of an answer
        try:
            return self.answer(assets, entry, known, texts)
        finally:
            if collects:
                gc.enable()

    def answer(self, assets, entry, known, texts):
        for module in list(self.modules.values()):
            if module is not None and module.source is not None and module.summary is not module.source.summary:
                self.digest(module)
        places = {}
        for asset in assets:
            places[asset["key"]] = self.place(asset)
        entries = []
        for e in entry if isinstance(entry, list) else [entry] if entry else []:
            found = self.place(e)
            if found is not None:
                entries.append(found)
                if e.get("walk"):
                    entries.extend(self.finder.below(found))
        also = [self.place(a) for asset in assets for a in asset.get("also") or ()]
        found = [(self.roots(a, places[a["key"]]), [self.roots(o, self.place(o)) for o in a.get("also") or ()]) for a in assets]
        for i, asset in enumerate(assets):
            if places[asset["key"]] is None and not asset.get("module") and not asset.get("file") and not any(roots for roots, _ in found[i][1]):
                found[i] = ((["*" + n for n in self.closure(entries)], "its function was not found" if entries else ""), found[i][1])
        wholes = [r for first, others in found for roots, _ in [first] + others for r in roots if r[0] == "*"]
        g = self.build([p for p in list(places.values()) + entries + also if p is not None], wholes)
        self.errors = [self.error(n) for n in g.names if self.broken(n)]
        siblings = {}
        for asset in assets:
            if "<locals>" in asset.get("qualname", ""):
                siblings.setdefault((places[asset["key"]], asset["qualname"]), set()).update(_key_names(asset["key"]))
        answer, lazy = {}, set()
        for asset, (first, others) in zip(assets, found):
            key = asset["key"]
            lazy.update(first[0])
            answer[key] = self.version(g, asset, places[key], [first] + others, siblings, (known or {}).get(key), texts)
        answer[""] = self.entry_version(g, lazy, (known or {}).get(""))
        answer[""]["files"] = sorted({self.modules[n].file for n in g.names if self.modules[n] is not None and self.modules[n].file})
        return answer

    def broken(self, name):
        module = self.modules.get(name)
        return module is not None and module.summary is not None and "error" in module.summary

    def error(self, name):
        module = self.modules[name]
        return dict(module.summary["error"], file=module.file)

    def roots(self, asset, place):
        """(symbols of an asset's function, why it is coarse)"""
        if place is None:
            return [], ""
        module = self.module(place)
        first = asset.get("qualname", "").partition(".")[0]
        if module is None or self.broken(place):
            return ["~" + place], ""
        found = module.roots.get(first) if module.gen == self.gen else None
        if found is None:
            self.trail = module.trail
            found = sorted(t for t in self.lookup(module, first, [], frozenset()) if t[0] not in "!@#*?") if first else []
            module.roots[first] = found
        if found:
            return list(found), ""
        if not first.isidentifier():
            return ["*" + place], "a function without a name in " + place
        return ["*" + place], "no function %s at the top level of %s" % (first, place)

    def version(self, g, asset, place, found, siblings, was, texts):
        roots = [r for more, _ in found for r in more]
        reasons = {why for _, why in found if why}
        for name in asset.get("resources") or ():
            roots += g.resources.get(name) or g.resources.get("*") or []
        doc = g.links.get(found[0][0][0]) if found[0][0] else None
        answer = {"version": "", "coarse": "", "parts": [], "doc": "", "file": asset.get("file", ""), "line": asset.get("line", 0)}
        if doc is not None:
            answer.update(file=doc.module.file, line=self.line(doc, asset))
        extra = []
        qualname = asset.get("qualname", "")
        if "<locals>" in qualname or "." in qualname:
            for site in self.sites(g, roots, asset, siblings.get((place, qualname), ())):
                if isinstance(site, str):
                    roots.append(site)
                else:
                    extra.append(site)
        if place is None:
            name = asset.get("module", "").partition(".")[0]
            if not name and not roots:
                answer["coarse"] = "its function was not found"
                return answer
            if name:
                roots.append("!" + asset["module"])
        reach, lines = 0, []
        for r in dict.fromkeys(roots):
            i = g.ids.get(r)
            if i is None:
                reach_r, hash_r = 0, self.outside(r[1:])[0] if r[0] == "!" else r
                lines.append(r + "=" + hash_r)
                continue
            reach |= g.reach[g.component[i]]
            lines.append(r + "=" + g.hash[g.component[i]])
        env = set()
        for l in extra:
            lines.append(l.symbol + "=" + l.own)
            env |= l.env
            reasons |= l.reasons
            for t in sorted(l.targets):
                i = g.ids.get("!" + _outside_name(t) if t[0] == "!" else t)
                if i is not None:
                    reach |= g.reach[g.component[i]]
                    lines.append(g.hash[g.component[i]])
        salt = roots[0] if roots else place or ""
        for i in _bits(reach & g.env_mask):
            env |= g.links[g.keys[i]].env
        variables = [self.variable(salt, name) for name in sorted(env)]
        lines += ["$%s=%s" % (v["symbol"], v["hash"]) for v in variables]
        for i in _bits(reach & g.reason_mask):
            l = g.links[g.keys[i]]
            reasons |= l.reasons
            if "opaque" in l.module.summary:
                reasons.add("%s in %s" % (l.module.summary["opaque"], l.module.name))
        if reach & g.broken_mask or any(r[0] == "~" for r in roots):
            name = next((g.keys[i][1:] for i in _bits(reach & g.broken_mask)), None) or next(r[1:] for r in roots if r[0] == "~")
            answer["error"] = self.error(name)
            return answer
        if reach & g.reflect_mask:
            lines += self.reflected(g, reach)
        version = ALGORITHM + ":" + _sum("\0".join([ALGORITHM, PYTHON] + sorted(lines)))
        if version == was:
            return {"version": version, "unchanged": True}
        answer["version"] = version
        if doc is not None and "<locals>" not in qualname:
            answer["doc"] = _clean(doc.node.get("doc", ""))
        answer["coarse"] = "; ".join(sorted(reasons)[:5])
        parts = [self.part(l, texts) for l in extra]
        seen = set()
        for i in _bits(reach):
            key = g.keys[i]
            if key[0] == "!":
                for p in self.outside(key[1:])[1]:
                    if p["symbol"] not in seen:
                        seen.add(p["symbol"])
                        parts.append(dict(p))
            elif key in g.links:
                parts.append(self.part(g.links[key], texts))
        if place is None:
            parts += [dict(p) for r in roots if r[0] == "!" for p in self.outside(r[1:])[1] if p["symbol"] not in seen]
        parts += variables
        parts.append({"kind": "environment", "symbol": "python", "hash": PYTHON, "file": "", "line": 0, "text": PYTHON})
        answer["parts"] = sorted(parts, key=lambda p: (p["symbol"], p["kind"], p["hash"]))
        return answer

    def reflected(self, g, reach):
        """What code that reads docstrings, annotations or source may see of all that is reached."""
        seen = {how for i in _bits(reach & g.reflect_mask) for how in g.links[g.keys[i]].node["f"]}
        lines = []
        modules = set()
        for i in _bits(reach):
            l = g.links.get(g.keys[i])
            if l is None:
                continue
            modules.add(l.module)
            if "doc" in seen and "o" in l.node:
                lines.append("doc %s=%s" % (l.symbol, l.node["o"][1]))
            if "types" in seen and "a" in l.node:
                lines.append("types %s=%s" % (l.symbol, l.node["a"]))
        for module in modules:
            if "doc" in seen and module.summary is not None:
                lines.append("doc of %s=%s" % (module.name, module.summary.get("doc", "")))
            if "text" in seen and module.source is not None:
                lines.append("text of %s=%s" % (module.name, module.source.hash))
        return lines

    def line(self, link, asset):
        node = link.node
        given = asset.get("line", 0)
        if "." in asset.get("qualname", "") and node["l"] <= given <= node["e"]:
            return given
        return node["l"]

    def part(self, link, texts):
        node, text = link.node, ""
        if texts and link.module.source is not None:
            source = link.module.source
            if source.lines is None:
                source.lines = source.content.splitlines()
            text = b"\n".join(source.lines[node["l"] - 1 : node["e"]])[:MAX_TEXT].decode("utf-8", "replace")
        return {
            "kind": "code", "symbol": link.symbol, "hash": link.own[:16], "file": link.module.file or "", "line": node["l"], "text": text,
        }  # fmt: skip

    def variable(self, salt, name):
        upper = name.upper()
        value = self.env.get(name)
        if any(w in upper for w in _SECRETS) or upper.endswith("_PAT"):
            state = "by name only"
        elif value is None:
            state = "unset"
        else:
            state = _sum("\0".join("%d:%s" % (len(s), s) for s in ("assetdev environment", salt, name, value)))[:16]
        return {"kind": "environment", "symbol": name, "hash": state, "file": "", "line": 0, "text": ""}

    def sites(self, g, roots, asset, siblings):
        """The module-level calls that may have made an asset which a function or method defines: links of the calls, and symbols
        of what lies between. A call that names another asset in the place of this one's name is left out."""
        if "sites" not in self.memo:
            by_callee, callers = {}, {}
            for l in g.links.values():
                covered = set()
                for number, (callees, name, digest, refs, line, end) in enumerate(l.node.get("u", ())):
                    for callee in callees:
                        for t in self.follow(l.module, "k:" + callee)[2]:
                            by_callee.setdefault(t, []).append((l, number))
                            covered.add(t)
                for t in l.all_calls - covered:
                    callers.setdefault(t, []).append(l)
            self.memo["sites"] = (by_callee, callers)
        by_callee, callers = self.memo["sites"]
        own = _key_names(asset["key"])
        found, queue, seen = [], list(roots), set(roots)
        while queue:
            producer = queue.pop()
            for l, number in by_callee.get(producer, ()):
                callees, name, digest, refs, line, end = l.node["u"][number]
                if name and name in siblings and name not in own:
                    continue
                symbol = "%s.%s(%s)" % (l.module.name, callees[0], repr(name) if name else "…")
                node = {"h": digest, "l": line, "e": end, "k": "effect", "n": []}
                link = self.link(l.module, symbol, node, refs, ())
                if not any(f.own == link.own and f.symbol == symbol for f in found if not isinstance(f, str)):
                    while any(not isinstance(f, str) and f.symbol == link.symbol for f in found):
                        link.symbol += "'"
                    found.append(link)
                if l.node["k"] == "assign" and l.symbol not in seen:
                    seen.add(l.symbol)
                    queue.append(l.symbol)
            for l in callers.get(producer, ()):
                if l.symbol not in seen:
                    seen.add(l.symbol)
                    if l.node["k"] not in ("def", "class") or producer in l.all_calls:
                        found.append(l.symbol)
                    if l.node["k"] in ("def", "class"):
                        queue.append(l.symbol)
        return found

    def entry_version(self, g, asset_roots, was):
        """Everything that runs when the modules are imported and the definitions are made, without the bodies of functions that
        Dagster keeps for later."""
        lines, env, parts, others, seen, queue, reasons = [], set(), [], {}, set(), [], set()
        broken = next((n for n in g.names if self.broken(n)), None)
        if broken is not None:
            return {"version": "", "coarse": "", "parts": [], "doc": "", "file": "", "line": 0, "error": self.error(broken)}

        modules = set()

        def include(name):
            stack = [name]
            while stack:
                name = stack.pop()
                module = self.modules.get(name)
                if name in modules or module is None:
                    continue
                modules.add(name)
                imports = self.dependencies(module)[0]
                stack.extend(imports)
                lines.append("module %s %s" % (name, ",".join(imports)))
                for l in module.linked or ():
                    runs = l.node["k"] not in ("def", "class") or l.later is False and l.node["k"] == "def"
                    add(l, runs)
                    if runs:
                        reasons.update(l.reasons)

        def add(l, whole):
            node = l.node
            if (l.symbol, whole) in seen:
                return
            seen.add((l.symbol, whole))
            if l.module.name not in modules:
                include(l.module.name)
            if l.lines is None:
                own_doc, docs = node.get("o", ("", ""))
                l.lines = ["%s%s=%s" % (how, l.symbol, digest) for how, digest in (
                    ("-", l.definition), ("+", l.own + docs), ("-", l.definition + own_doc),
                )]  # fmt: skip
            shown = node["k"] == "class" or l.later is not None or l.symbol in asset_roots
            line = l.lines[1 if whole else 2 if shown else 0]
            lines.append(line)
            parts.append((l, line))
            if l.env:
                env.update(l.env if whole else l.env_defined)
            if not whole and l.parents:  # the methods of a base do not run when a class is made
                queue.append([t for t in l.defined if t not in l.parents or t in g.links and g.links[t].node.get("i")])
            else:
                queue.append(l.targets if whole else l.defined)

        for name in self.entry_names:
            include(name)
            for i, _ in enumerate(name.split(".")):
                include(".".join(name.split(".")[:i]))
        while queue:
            for t in queue.pop():
                if t[0] == "*" and self.modules.get(t[1:]) is not None:
                    include(t[1:])
                    links = self.modules[t[1:]].linked or ()
                else:
                    links = [g.links[t]] if t in g.links else ()
                for l in links:
                    if not (l.later or l.symbol in asset_roots and l.later is not False):
                        add(l, True)
        for name in sorted(modules):
            summary = self.modules[name].summary
            for level, base, _, _ in (summary or {}).get("imports", ()):
                base = self.absolute(self.modules[name], level, base)
                if base and self.module(base) is None:
                    told = self.outside(base)
                    lines.append("!%s=%s" % (base.partition(".")[0], told[0]))
                    others.update((p["symbol"], p) for p in told[1])
        for name in sorted(env):
            variable = self.variable("", name)
            lines.append("$%s=%s" % (name, variable["hash"]))
            others[name] = variable
        version = ALGORITHM + ":" + _sum("\0".join([ALGORITHM, PYTHON] + sorted(set(lines))))
        if version == was:
            return {"version": version, "unchanged": True}
        kept = list(others.values())
        for l, line in parts:
            symbol = l.symbol if line[0] == "-" or l.node["k"] not in ("def", "class") else l.symbol + " body"
            kept.append(dict(self.part(l, False), symbol=symbol, hash=_sum(line)[:16]))
        kept.sort(key=lambda p: (p["symbol"], p["hash"]))
        return {"version": version, "coarse": "; ".join(sorted(reasons)[:5]), "parts": kept, "doc": "", "file": "", "line": 0}


def _stat_key(info):
    return (info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino, info.st_dev)


def _same(a, b):
    return os.path.abspath(a) == os.path.abspath(b) or os.path.realpath(a) == os.path.realpath(b)


def _bits(mask):
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _key_names(key):
    parts = key.split("/")
    return {key, "_".join(parts), "__".join(parts), *parts}


def _clean(doc):
    lines = doc.expandtabs().strip().splitlines()
    margin = min((len(x) - len(x.lstrip()) for x in lines[1:] if x.strip()), default=0)
    return "\n".join([x.rstrip() if i == 0 else x[margin:].rstrip() for i, x in enumerate(lines)])


def hash_files(paths, base=""):
    """Parts of kind "file" for further files that count: the symbol is the path relative to base (as given when it lies
    elsewhere or base is ""), with slashes; a file that cannot be read has the hash "no such file". Sorted, without duplicates."""
    parts = {}
    for path in paths:
        full = os.path.normpath(os.path.join(base, path) if base else path)
        symbol = path
        if base:
            relative = os.path.relpath(full, base)
            symbol = path if relative.startswith("..") else relative
        symbol = symbol.replace(os.sep, "/")
        h = sha256()
        try:
            with open(full, "rb") as f:
                for block in iter(lambda: f.read(1 << 20), b""):
                    h.update(block)
            state = h.hexdigest()[:16]
        except (OSError, ValueError):
            state = "no such file"
        parts[symbol] = {"kind": "file", "symbol": symbol, "hash": state, "file": full, "line": 1 if state != "no such file" else 0, "text": ""}
    return [parts[s] for s in sorted(parts)]


# ---------------------------------------------------------------------------------------------------------------------------
# The line protocol


class Service:
    """Answers requests that JSON can carry. handle() takes and gives dictionaries; the caller may be a line protocol or the fork
    server. Requests, each with "op" and, echoed, "id":

      open      index (a name, "" when absent), roots or workspace_roots (then first_party_roots finds them), sys_path (this process's
                when absent), paths (put before sys_path, as the working directory), cache_dir, env → {roots}
      update    index, files (a list, null or absent for "look at everything") → {}
      versions  index, assets, entry, known, texts, and optionally update (as files of update) → {versions, errors}
      files     files, base → {parts}
      roots     sys_path, paths, workspace_roots → {roots}
      close     index → {}

    A failed request is answered by {"error": text}.
    """

    def __init__(self):
        self.indexes = {}

    def handle(self, request):
        answer = {"id": request.get("id")} if isinstance(request, dict) else {}
        try:
            answer.update(getattr(self, "do_" + str(request["op"]), self.unknown)(request))
        except Exception as e:  # a request must never end the process
            answer["error"] = "%s: %s" % (type(e).__name__, e)
        return answer

    def unknown(self, request):
        raise ValueError("no such operation %r" % (request["op"],))

    def index(self, request):
        name = request.get("index", "")
        if name not in self.indexes:
            raise ValueError("index %r is not open" % (name,))
        return self.indexes[name]

    def import_path(self, request):
        sys_path = request.get("sys_path")
        if sys_path is None:
            here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
            sys_path = [p for p in sys.path if os.path.abspath(p or ".") != here]
        return (request.get("paths") or []) + sys_path

    def do_open(self, request):
        sys_path = self.import_path(request)
        roots = request.get("roots")
        if roots is None:
            roots = first_party_roots(sys_path, request.get("workspace_roots") or [])
        self.indexes[request.get("index", "")] = Index(roots, sys_path, request.get("cache_dir", ""), request.get("env"))
        return {"roots": roots}

    def do_update(self, request):
        self.index(request).update(request.get("files"))
        return {}

    def do_versions(self, request):
        index = self.index(request)
        if "update" in request:
            index.update(request["update"])
        versions = index.versions(request.get("assets") or [], request.get("entry"), request.get("known"), request.get("texts", True))
        return {"versions": versions, "errors": index.errors}

    def do_files(self, request):
        return {"parts": hash_files(request.get("files") or [], request.get("base", ""))}

    def do_roots(self, request):
        return {"roots": first_party_roots(self.import_path(request), request.get("workspace_roots") or [])}

    def do_close(self, request):
        self.indexes.pop(request.get("index", ""), None)
        return {}


def main():
    """Reads one JSON request a line on stdin until its end, writes one JSON answer a line on stdout."""
    import json

    service, answers = Service(), sys.stdout.buffer
    for line in sys.stdin.buffer:
        if not line.strip():
            continue
        try:
            request = json.loads(line)
        except (ValueError, RecursionError) as e:
            answer = {"error": "a request that is no JSON: %s" % e}
        else:
            answer = service.handle(request)
        answers.write(json.dumps(answer, separators=(",", ":")).encode("ascii") + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
