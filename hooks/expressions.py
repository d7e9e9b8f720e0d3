"""What an expression in somebody's source code evaluates to, found without running that code.

A `Reader` follows names to literals: through assignments, imports of the service's own modules,
fields and properties of settings classes, and `os.getenv` with a default. What it cannot follow it
reports as not readable, with the source text and the origins that stand in it.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Calls that leave a text or a list as it is, for our purpose.
KEEPING = frozenset({"str", "list", "tuple", "set", "frozenset", "AnyHttpUrl", "HttpUrl", "AnyUrl"})
TEXT_METHODS = frozenset(
    {"lower", "lstrip", "removeprefix", "removesuffix", "replace", "rstrip", "split", "strip"}
)
MUTATING = frozenset({"append", "extend", "insert", "remove"})
SETTINGS_BASES = frozenset({"BaseSettings", "CORSSettings"})
DEEPEST = 24

ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^\s/\"'?#]+/?")


class UnreadableError(Exception):
    """The value of an expression is known only when the service runs."""


@dataclass(frozen=True, slots=True)
class Place:
    """Lines of a file, by its name relative to the service's folder."""

    file: str
    line: int
    end_line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression evaluates to.

    `value` is None and `is_read` false where that is not known. `variables` are the environment
    variables that may replace it, `seen` the origins that stand in the source text or lead to it.
    """

    source: str
    is_read: bool
    value: object = None
    variables: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()

    @property
    def items(self) -> tuple[str, ...]:
        """The value as a list of texts; a text is split at commas or read as JSON."""
        if isinstance(self.value, str):
            return tuple(split(self.value))
        return tuple(map(str, self.value)) if isinstance(self.value, list | tuple) else ()


def split(text: str) -> list[str]:
    """Return the items of a list that is written with commas or as JSON."""
    text = text.strip()
    if text.startswith("["):
        try:
            found = json.loads(text)
        except ValueError:
            found = text.strip("[]").split(",")
        return [str(item).strip(" '\"") for item in found]
    return [item.strip() for item in text.split(",") if item.strip()]


@dataclass(frozen=True, eq=False)
class Module:
    """A parsed file. `name` is its path relative to the service's folder."""

    path: Path
    name: str
    text: str
    tree: ast.Module

    def place(self, node: ast.stmt | ast.expr) -> Place:
        """Return where a node stands."""
        return Place(self.name, node.lineno, node.end_lineno or node.lineno)

    def source(self, node: ast.AST) -> str:
        """Return the text of a node in one line."""
        return " ".join((ast.get_source_segment(self.text, node) or "").split())


Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Scope:
    """Where a name is looked up: what is bound, the functions around it, the module."""

    module: Module
    functions: tuple[Function, ...] = ()
    bound: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Class:
    """A class with the module that it is defined in."""

    node: ast.ClassDef
    module: Module


def last_name(node: ast.AST | None) -> str:
    """Return the name at the end of `a`, `a.b` or `a.b[…]`; nothing for anything else."""
    if isinstance(node, ast.Subscript):
        return last_name(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


class Reader:
    """Reads expressions of the modules of one service. `folders` are where imports are found."""

    def __init__(self, root: Path, folders: tuple[Path, ...]) -> None:
        self.root = root
        self.folders = folders
        self._modules: dict[Path, Module | None] = {}
        self.unread: dict[str, str] = {}
        self._variables: list[str] = []

    # --- Modules ------------------------------------------------------------------------------

    def module(self, path: Path) -> Module | None:
        """Parse a file, once. None, and an entry in `unread`, where that is impossible."""
        if path not in self._modules:
            self._modules[path] = self._parse(path)
        return self._modules[path]

    def _parse(self, path: Path) -> Module | None:
        name = relative(path, self.root)
        try:
            text = path.read_bytes().decode("utf-8-sig")
            return Module(path, name, text, ast.parse(text))
        except UnicodeDecodeError:
            self.unread[name] = "is not UTF-8 text"
        except OSError as error:
            self.unread[name] = f"cannot be read ({error.strerror})"
        except SyntaxError as error:
            self.unread[name] = f"is not valid Python: {error.msg}, line {error.lineno}"
        except (ValueError, RecursionError) as error:
            self.unread[name] = f"cannot be parsed: {error}"
        return None

    def imported(self, module: Module, node: ast.ImportFrom) -> Module | None:
        """Return the service's own module that `from … import` names; None for a library."""
        parts = (node.module or "").split(".") if node.module else []
        folders: tuple[Path, ...] = (*self.folders, module.path.parent)
        if node.level:
            folders = (module.path.parents[node.level - 1],) if node.level <= 8 else ()
        for folder in folders:
            path = folder.joinpath(*parts)
            for candidate in (path.with_suffix(".py"), path / "__init__.py"):
                if parts and candidate.is_file() and candidate.is_relative_to(self.root):
                    return self.module(candidate)
            if not parts and (path / "__init__.py").is_file():
                return self.module(path / "__init__.py")
        return None

    def imported_module(self, module: Module, name: str) -> Module | None:
        """Return the module that `from package import name` or `import name` binds."""
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        inner = ".".join(filter(None, (node.module, alias.name)))
                        return self.imported(
                            module, ast.ImportFrom(inner, [], node.level, lineno=1, col_offset=0)
                        )
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        return self.imported(
                            module, ast.ImportFrom(alias.name, [], 0, lineno=1, col_offset=0)
                        )
        return None

    # --- Definitions --------------------------------------------------------------------------

    def definitions(self, name: str, scope: Scope) -> tuple[list[ast.AST], Scope]:
        """Return what assigns or defines a name, and the scope in which that stands."""
        for function in reversed(scope.functions):
            if found := [*bindings(function, name)]:
                return found, scope
        found = [*bindings(scope.module.tree, name)]
        outside = Scope(scope.module)
        if len(found) == 1 and isinstance(found[0], ast.ImportFrom):
            node = found[0]
            original = next(each.name for each in node.names if (each.asname or each.name) == name)
            module = self.imported(scope.module, node)
            return self.definitions(original, Scope(module)) if module else ([], outside)
        return found, outside

    def class_of(self, node: ast.AST | None, scope: Scope, depth: int = 0) -> Class | None:
        """Return the class that an expression is an instance of, or that an annotation names."""
        if depth > DEEPEST or node is None:
            return None
        if isinstance(node, ast.Await):
            return self.class_of(node.value, scope, depth + 1)
        if isinstance(node, ast.Call):
            called = node.func
            # Settings.load(), Settings.from_env()
            if isinstance(called, ast.Attribute) and (
                owner := self.class_named(called.value, scope)
            ):
                return owner
            return self.class_named(called, scope) or self.returned_class(called, scope, depth)
        if isinstance(node, ast.Attribute):
            owner = self.class_of(node.value, scope, depth + 1)
            if owner is None:
                module = self.imported_module(scope.module, last_name(node.value))
                inner = ast.Name(node.attr, ast.Load())
                return self.class_of(inner, Scope(module), depth + 1) if module else None
            declared = member(owner.node, node.attr)
            if isinstance(declared, ast.AnnAssign):
                return self.class_named(declared.annotation, Scope(owner.module))
            value = declared.value if isinstance(declared, ast.Assign) else None
            return self.class_of(value, Scope(owner.module), depth + 1)
        if not isinstance(node, ast.Name):
            return None
        if isinstance(bound := scope.bound.get(node.id), Class):
            return bound
        found, inner_scope = self.definitions(node.id, scope)
        if len(found) != 1:
            return None
        if isinstance(found[0], ast.arg):
            return self.class_named(found[0].annotation, inner_scope)
        if isinstance(found[0], ast.AnnAssign) and found[0].value is None:
            return self.class_named(found[0].annotation, inner_scope)
        return self.class_of(getattr(found[0], "value", None), inner_scope, depth + 1)

    def class_named(self, node: ast.AST | None, scope: Scope) -> Class | None:
        """Return the service's own class that an expression names."""
        if isinstance(node, ast.Subscript):
            # Annotated[Settings, Depends(…)]
            inner = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
            return self.class_named(inner, scope)
        if isinstance(node, ast.Attribute):
            module = self.imported_module(scope.module, last_name(node.value))
            return self.class_named(ast.Name(node.attr), Scope(module)) if module else None
        if not isinstance(node, ast.Name):
            return None
        found, inner_scope = self.definitions(node.id, scope)
        if len(found) == 1 and isinstance(found[0], ast.ClassDef):
            return Class(found[0], inner_scope.module)
        return None

    def returned_class(self, called: ast.AST, scope: Scope, depth: int) -> Class | None:
        """Return the class of what a function of the service returns."""
        if not isinstance(called, ast.Name):
            return None
        found, inner_scope = self.definitions(called.id, scope)
        if len(found) != 1 or not isinstance(found[0], ast.FunctionDef | ast.AsyncFunctionDef):
            return None
        function = found[0]
        inner = Scope(inner_scope.module, (function,))
        returned = [each for each in ast.walk(function) if isinstance(each, ast.Return)]
        value = returned[0].value if len(returned) == 1 else None
        return self.class_of(value, inner, depth + 1) or self.class_named(function.returns, inner)

    # --- Values -------------------------------------------------------------------------------

    def value(self, node: ast.expr, scope: Scope) -> Value:
        """Return what an expression evaluates to, as far as that can be read."""
        self._variables, source = [], scope.module.source(node)
        try:
            found = self.evaluate(node, scope)
        except UnreadableError:
            seen = tuple(dict.fromkeys(self.origins(node, scope)))
            return Value(source, False, None, tuple(dict.fromkeys(self._variables)), seen)
        if isinstance(found, Class):
            return Value(source, False)
        return Value(source, True, found, tuple(dict.fromkeys(self._variables)))

    def evaluate(self, node: ast.AST | None, scope: Scope, depth: int = 0) -> object:
        """Return what an expression evaluates to. Raises UnreadableError where nobody can tell."""
        if depth > DEEPEST or node is None:
            raise UnreadableError
        again = depth + 1
        match node:
            case ast.Constant():
                return node.value
            case ast.List() | ast.Tuple() | ast.Set():
                found: list[object] = []
                for item in node.elts:
                    if isinstance(item, ast.Starred):
                        found += self.as_list(item.value, scope, again)
                    else:
                        found.append(self.evaluate(item, scope, again))
                return found
            case ast.Name():
                return self.name(node.id, scope, again)
            case ast.Attribute():
                return self.attribute(node, scope, again)
            case ast.Call():
                return self.call(node, scope, again)
            case ast.JoinedStr():
                return "".join(str(self.evaluate(each, scope, again)) for each in node.values)
            case ast.FormattedValue(format_spec=None):
                return self.evaluate(node.value, scope, again)
            case ast.BinOp(op=ast.Add()):
                left, right = (self.evaluate(e, scope, again) for e in (node.left, node.right))
                if isinstance(left, str) and isinstance(right, str):
                    return left + right
                if isinstance(left, list) and isinstance(right, list):
                    return left + right
            case ast.BoolOp(op=ast.Or()):
                values = [self.evaluate(each, scope, again) for each in node.values]
                return next((each for each in values if each), values[-1])
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() if len(node.generators) == 1:
                return self.comprehension(node.elt, node.generators[0], scope, again)
            case ast.Subscript(slice=ast.Constant(value=str(variable))) if (
                last_name(node.value) == "environ"
            ):
                self._variables.append(variable)
            case ast.UnaryOp(op=ast.Not()):
                return not self.evaluate(node.operand, scope, again)
        raise UnreadableError

    def as_list(self, node: ast.AST, scope: Scope, depth: int) -> list[object]:
        found = self.evaluate(node, scope, depth)
        if not isinstance(found, list):
            raise UnreadableError
        return found

    def comprehension(
        self, element: ast.expr, loop: ast.comprehension, scope: Scope, depth: int
    ) -> list[object]:
        """Evaluate `[element for name in … if …]`."""
        found: list[object] = []
        if not isinstance(loop.target, ast.Name):
            raise UnreadableError
        for item in self.as_list(loop.iter, scope, depth):
            inner = Scope(scope.module, scope.functions, {**scope.bound, loop.target.id: item})
            if all(self.evaluate(condition, inner, depth) for condition in loop.ifs):
                found.append(self.evaluate(element, inner, depth))
        return found

    def name(self, name: str, scope: Scope, depth: int) -> object:
        """Evaluate a name: its one assignment, which nothing changes afterwards."""
        if name in scope.bound:
            return scope.bound[name]
        found, inner = self.definitions(name, scope)
        if len(found) != 1 or any(
            changes(tree, name) for tree in (*inner.functions, inner.module.tree)
        ):
            raise UnreadableError
        if isinstance(found[0], ast.arg):
            raise UnreadableError
        return self.evaluate(getattr(found[0], "value", None), inner, depth)

    def attribute(self, node: ast.Attribute, scope: Scope, depth: int) -> object:
        """Evaluate `settings.field`, or a name of another module."""
        owner = self.class_of(node.value, scope) or self.class_named(node.value, scope)
        if owner is not None:
            return self.field(owner, node.attr, depth)
        module = self.imported_module(scope.module, last_name(node.value))
        if module is None:
            raise UnreadableError
        return self.name(node.attr, Scope(module), depth)

    def field(self, owner: Class, name: str, depth: int) -> object:
        """Evaluate a field or property of a class of the service."""
        if depth > DEEPEST:
            raise UnreadableError
        declared, scope = member(owner.node, name), Scope(owner.module, (), {"self": owner})
        if declared is None:
            for base in owner.node.bases:
                if parent := self.class_named(base, Scope(owner.module)):
                    return self.field(parent, name, depth + 1)
            raise UnreadableError
        if isinstance(declared, ast.FunctionDef | ast.AsyncFunctionDef):
            returned = [each for each in ast.walk(declared) if isinstance(each, ast.Return)]
            if len(returned) != 1:
                raise UnreadableError
            inner = Scope(owner.module, (declared,), {"self": owner})
            return self.evaluate(returned[0].value, inner, depth)
        given = declared.value
        if self.is_settings(owner):
            self._variables.append(variable_of(owner.node, name, given))
        if isinstance(given, ast.Call) and last_name(given.func) == "Field":
            keywords = {each.arg: each.value for each in given.keywords}
            factory = keywords.get("default_factory")
            if isinstance(factory, ast.Lambda):
                return self.evaluate(factory.body, scope, depth)
            if isinstance(factory, ast.Name) and factory.id in ("list", "tuple", "set"):
                return []
            given = keywords.get("default", given.args[0] if given.args else None)
        if given is None or (isinstance(given, ast.Constant) and given.value is ...):
            raise UnreadableError
        return self.evaluate(given, scope, depth)

    def is_settings(self, owner: Class, depth: int = 0) -> bool:
        """Whether a class reads its fields from the environment."""
        for base in owner.node.bases:
            if last_name(base) in SETTINGS_BASES:
                return True
            parent = self.class_named(base, Scope(owner.module))
            if parent and depth < DEEPEST and self.is_settings(parent, depth + 1):
                return True
        return False

    def call(self, node: ast.Call, scope: Scope, depth: int) -> object:
        """Evaluate a call of what reads the environment, or of what changes texts and lists."""
        name, source = last_name(node.func), scope.module.source(node.func)
        keywords = {each.arg: each.value for each in node.keywords}
        if source.endswith(("getenv", "environ.get")) or name in ("config", "env"):
            variable = self.evaluate(node.args[0] if node.args else None, scope, depth)
            self._variables.append(str(variable))
            default = node.args[1] if len(node.args) > 1 else keywords.get("default")
            found = self.evaluate(default, scope, depth)
            cast = last_name(keywords.get("cast")) or last_name(
                getattr(keywords.get("cast"), "func", None)
            )
            is_list = isinstance(found, str) and cast in ("CommaSeparatedStrings", "Csv")
            return split(str(found)) if is_list else found
        if isinstance(node.func, ast.Attribute) and name in TEXT_METHODS:
            text = self.evaluate(node.func.value, scope, depth)
            arguments = [self.evaluate(each, scope, depth) for each in node.args]
            if isinstance(text, str) and all(isinstance(each, str) for each in arguments):
                try:
                    found = getattr(text, name)(*arguments)
                except (TypeError, ValueError):
                    raise UnreadableError from None
                return found
        if source == "json.loads" and len(node.args) == 1:
            try:
                found = json.loads(str(self.evaluate(node.args[0], scope, depth)))
            except ValueError:
                raise UnreadableError from None
            return found
        if name in KEEPING and len(node.args) == 1:
            return self.evaluate(node.args[0], scope, depth)
        if name in KEEPING and not node.args:
            return []
        raise UnreadableError

    def origins(self, node: ast.AST, scope: Scope, depth: int = 0) -> Iterator[str]:
        """Yield the origins in an expression and in all that its names lead to."""
        if depth > 4:
            return
        for each in ast.walk(node):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield from (item for item in split(each.value) if ORIGIN.fullmatch(item))
            elif isinstance(each, ast.Name) and each.id not in scope.bound:
                found, inner = self.definitions(each.id, scope)
                for definition in found:
                    if value := getattr(definition, "value", None):
                        yield from self.origins(value, inner, depth + 1)
                for tree in (*inner.functions, inner.module.tree):
                    for change in changes(tree, each.id):
                        yield from self.origins_here(change)
            elif isinstance(each, ast.Attribute):
                owner = self.class_of(each.value, scope)
                declared = member(owner.node, each.attr) if owner else None
                if owner and declared is not None:
                    inner = Scope(owner.module, (), {"self": owner})
                    yield from self.origins(declared, inner, depth + 1)

    def origins_here(self, node: ast.AST) -> Iterator[str]:
        """Yield the origins in an expression, without following names."""
        for each in ast.walk(node):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield from (item for item in split(each.value) if ORIGIN.fullmatch(item))


def own_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a module or function, without those of functions and classes in it."""
    waiting = [*ast.iter_child_nodes(tree)]
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting[:0] = ast.iter_child_nodes(node)


def bindings(tree: ast.AST, name: str) -> Iterator[ast.AST]:
    """Yield what gives a name its meaning in a module or function."""
    if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef):
        arguments = tree.args
        every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        yield from (each for each in every if each.arg == name)
    for node in own_nodes(tree):
        match node:
            case ast.Assign() if any(
                isinstance(t, ast.Name) and t.id == name for t in node.targets
            ):
                yield node
            case ast.AnnAssign(target=ast.Name(id=target)) if target == name:
                yield node
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() if node.name == name:
                yield node
            case ast.ImportFrom() if any((a.asname or a.name) == name for a in node.names):
                yield node


def changes(tree: ast.AST, name: str) -> list[ast.AST]:
    """Return what changes the list that a name stands for: `+=`, `.append(…)`."""
    found: list[ast.AST] = []
    for node in own_nodes(tree):
        if isinstance(node, ast.AugAssign) and last_name(node.target) == name:
            found.append(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id == name and node.func.attr in MUTATING:
                found.append(node)
    return found


def member(
    owner: ast.ClassDef, name: str
) -> ast.AnnAssign | ast.Assign | ast.FunctionDef | ast.AsyncFunctionDef | None:
    """Return what declares a member of a class."""
    for node in owner.body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=target)) if target == name:
                return node
            case ast.Assign(targets=[ast.Name(id=target)]) if target == name:
                return node
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node.name == name:
                return node
    return None


def variable_of(owner: ast.ClassDef, name: str, given: ast.AST | None) -> str:
    """Return the environment variable that a settings field is read from."""
    if isinstance(given, ast.Call):
        for keyword in given.keywords:
            if keyword.arg in ("alias", "validation_alias", "env"):
                value = keyword.value
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    return value.value.upper()
    for node in ast.walk(owner):
        prefix = None
        if isinstance(node, ast.keyword) and node.arg == "env_prefix":
            prefix = node.value
        if isinstance(node, ast.Assign) and last_name(node.targets[0]) == "env_prefix":
            prefix = node.value
        if isinstance(prefix, ast.Constant) and isinstance(prefix.value, str):
            return (prefix.value + name).upper()
    return name.upper()


def relative(path: Path, folder: Path) -> str:
    """Return a path as it is seen from a folder, with slashes; of one elsewhere, its name."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
