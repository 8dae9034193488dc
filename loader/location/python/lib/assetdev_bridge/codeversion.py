"""Code versions of Python assets by static analysis: a version per asset that changes when something its function reaches
changes, and not when comments, formatting, docstrings or unrelated code do. It reads files and executes nothing of them.

The nouns: a *module* is one first-party source file; its *nodes* are its top-level statements (a function, a class, an
assignment, a whole if/try/for block, changes made at module level); a node *reaches* what the names in it mean, through
imports, re-exports and star imports; the version of an asset is a Merkle hash over all that its function reaches.

What is reached, over-approximated where it must be:

  * names and attribute chains by scope: parameters and local variables shadow, imports inside functions count;
  * all definitions of a name that has several; whole classes; whole if/try/with/for blocks of module level;
  * with a name, whatever changes it while modules are imported: X[k] = …, X.append(…), module.f = …, `global X` in a
    function, decorators and calls of functions that change it (registries), subclasses where __init_subclass__ sees them;
  * with a module, its calls for effect (pandas.set_option(…)) and those of the modules that it imports;
  * with a function defined inside another (an asset factory), the module-level calls of the outer one;
  * with a parameter that names a resource, the value that some resources={…} gives it;
  * third-party packages by the version of their distribution, the Python version, environment variables by value.

What cannot be decided (eval, exec, globals(), getattr on a module or import_module with a computed name, a module passed as
a value) counts as the whole module and what it imports; "coarse" says why.

Known holes: getattr on instances whose class is not named, monkey-patching inside function bodies, entry-point plug-ins,
functions that a third-party package calls while modules are imported, data files, C extensions rebuilt with the same version.
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
_FORMAT = 3  # of the cache

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
    __slots__ = ("kind", "parent", "stores", "outer", "imports", "loads", "inner", "params")

    def __init__(self, kind, parent):
        self.kind, self.parent = kind, parent  # "f" function or lambda, "c" class, "l" comprehension
        self.stores, self.outer, self.imports, self.loads, self.inner, self.params = set(), set(), {}, [], [], ()


class _Reader:
    """Reads one module. Each top-level statement becomes a node:

    n names it binds · k kind (def class assign block effect) · l, e lines · h hash of all of it · s hash of what runs when it is
    defined · o hash of its docstrings · d references followed when it is defined · b references of function bodies · and, where they
    apply: t decorators, bases; p names that may be resources; v value of a constant; q reads the variable that its argument
    names; i sees its subclasses; u module calls as [callees, name, hash, references, line, end].

    A reference is a kind and a chain of names: r read · k called · m changed · x called, result dropped · y getattr with a
    computed name · c undecidable · h called with a name (after "=") · E names a variable · g bound by `global` · w a whole module ·
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

    def push(self, kind):
        self.scope = _Scope(kind, self.scope)
        return self.scope

    def pop(self):
        scope = self.scope
        parent = self.scope = scope.parent
        while parent is not None and parent.kind == "l" and scope.kind != "l":
            break
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
        else:
            self.store(node.id)
            if self.scope is not None:
                self.emit("m", node.id)  # counts only where `global` says so: pop drops it as a local otherwise

    def attribute(self, node):
        chain = _chain(node)
        if chain is None:
            self.visit(node.value)
            self.out.append("." + node.attr)
            return
        self.out.append("'" + chain)
        self.emit("r", chain)
        if ".resources." in chain:
            self.resource_names.append(chain.partition(".resources.")[2].partition(".")[0])
        if node.ctx.__class__ is not _ast.Load:
            self.emit("m", chain)

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
        self.generic(node)

    def call(self, node):
        start, refs = len(self.out), len(self.refs)
        chain = _chain(node.func)
        if chain is None:
            self.out.append("(Call")
            self.visit(node.func)
        else:
            self.out.append("(Call'" + chain)
            self.emit("r", chain)
            self.emit("k", chain)
            self.known_call(node, chain)
        for argument in node.args:
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
            self.site(node, [chain or _root_chain(node.func)], node, start, refs)

    def known_call(self, node, chain):
        args, last = node.args, chain.rpartition(".")[2]
        text = args[0].value if args and args[0].__class__ is _ast.Constant and isinstance(args[0].value, str) else None
        if chain in ("eval", "exec", "globals") or chain == "vars" and not args:
            self.emit("c", chain)
        elif chain in ("getattr", "setattr", "delattr", "hasattr") and len(args) > 1:
            subject = _chain(args[0])
            if subject is not None:
                if args[1].__class__ is _ast.Constant and isinstance(args[1].value, str) and args[1].value.isidentifier():
                    self.emit("r" if chain in ("getattr", "hasattr") else "m", subject + "." + args[1].value)
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

    def site(self, node, callees, call, start, refs):
        callees = [c for c in callees if c and c.partition(".")[0] not in _BUILTINS]
        if not callees or callees[0].rpartition(".")[2] == "Definitions":
            return
        name = ""
        if call is not None:
            for value in call.args[:1] + [k.value for k in call.keywords if k.arg in _NAME_KEYWORDS]:
                if value.__class__ is _ast.Constant and isinstance(value.value, str):
                    name = value.value
        used = sorted({r for r, _ in self.refs[refs:]})
        # docstrings and function bodies never lie inside a module-level expression except in lambdas, whose text is in body_out
        self.sites.append([callees, name, _sum("\0".join(self.out[start:])), used, node.lineno, node.end_lineno])

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
                    self.emit("x", chain)
        self.parameters(node.args, keep)
        if keep and node.returns is not None:
            out.append("->")
            self.annotation(node.returns)
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
                if keep and item.annotation is not None:
                    out.append(":")
                    self.annotation(item.annotation)
        for default in arguments.defaults + arguments.kw_defaults:
            out.append("=")
            if default is not None:
                self.visit(default)

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
                    self.emit("x", chain)
        for base in node.bases:
            self.visit(base)
        for keyword in node.keywords:
            self.out.append("," + (keyword.arg or "**"))
            self.visit(keyword.value)
        scope = self.push("c")
        for parameter in getattr(node, "type_params", ()):
            scope.stores.add(parameter.name)
        self.body(node.body, doc=True)
        self.pop()
        self.out.append(")")

    def annotated(self, node):
        self.out.append("(AnnAssign")
        if self.scope is not None and self.scope.kind == "c":
            self.annotation(node.annotation)
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
        start, refs, top = len(self.out), len(self.refs), self.deep == 0 and self.scope is None
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
            callees = [r[2:] for r, _ in self.refs[refs:] if r.startswith("k:")]
            self.site(node, callees, None, start, refs)

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
        if kind not in ("r", "k", "m", "x", "y", "h", "E"):
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
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(max(limit, 4000))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = compile(content, "<module>", "exec", 0x400, True)  # PyCF_ONLY_AST, no flags of this file
        reader = _Reader()
        reader.bound = set()
        return reader.module(tree)
    except SyntaxError as e:
        return {"format": _FORMAT, "error": {"line": e.lineno or 1, "column": max(e.offset or 1, 1), "message": str(e.msg)}}
    except (ValueError, UnicodeError) as e:  # null bytes
        line = content[: max(content.find(b"\0"), 0)].count(b"\n") + 1
        return {"format": _FORMAT, "error": {"line": line, "column": 1, "message": str(e)}}
    except (RecursionError, MemoryError):
        return _opaque(content, "code nested too deeply")
    finally:
        sys.setrecursionlimit(limit)


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
