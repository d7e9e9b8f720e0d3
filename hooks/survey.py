"""What an existing FastAPI service is made of, read without running any of it.

    found = survey(Path("../existing"))

finds the application and what serves it, the layout, every `CORSMiddleware` with its arguments, the
settings class, dotenv files, dependencies, tests, and what a CORS policy has to know: cookies,
`Authorization`, WebSockets and mounts. What cannot be read is named in `Survey.unread`.
"""

import ast
import os
import re
import subprocess
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from expressions import (
    Class,
    Function,
    Module,
    Place,
    Reader,
    Scope,
    Value,
    bindings,
    last_name,
    own_nodes,
    relative,
    variable_of,
)

__all__ = ["App", "Entrypoint", "OldPolicy", "Place", "Survey", "Value", "survey"]

# Folders that hold no code of the service.
PASSED_OVER = frozenset(
    {
        *("__pycache__", ".eggs", ".git", ".hg", ".mypy_cache", ".nox", ".ruff_cache", ".tox"),
        *(".venv", "venv", "env", "build", "dist", "htmlcov", "node_modules", "site-packages"),
    }
)
MOST_FILES = 5000
MOST_BYTES = 1_000_000
# A file without any of these words says nothing about the app or its policy.
WORDS = re.compile(
    rb"fastapi|FastAPI|starlette|CORS|set_cookie|BaseSettings|uvicorn|[aA]uthorization|websocket"
    rb"|ENVIRONMENT"
)
# For whoever wants to know the policy alone: most modules then need no parsing.
POLICY_WORDS = re.compile(rb"FastAPI|CORS|(?i:access-control-allow-origin)")
PROJECT_FILES = (
    *("pyproject.toml", "requirements.txt", "setup.py", "setup.cfg", "Pipfile", "poetry.lock"),
    *("requirements.in", "requirements", "Procfile"),
)
USUAL_FILES = (
    "main.py",
    "app.py",
    "api.py",
    "server.py",
    "application.py",
    "asgi.py",
    "__init__.py",
)
ENVIRONMENT_SETTERS = frozenset({"get", "getenv", "setdefault", "setenv"})
VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options"})
BEARER = frozenset(
    {"HTTPBearer", "OAuth2PasswordBearer", "OAuth2AuthorizationCodeBearer", "OpenIdConnect"}
)
DOTENV_NAME = re.compile(r"\.env(\.[A-Za-z0-9_.-]+)?|[a-z]+\.env")
TARGET = r"(?P<target>[A-Za-z_][\w.]*:[A-Za-z_][\w.]*)(\(\))?"
SERVERS = re.compile(
    rf"\b(uvicorn|gunicorn|hypercorn|granian|daphne)\b[^\n;&|]*?(?<![\w./:-]){TARGET}"
)
IS_ENVIRONMENT = re.compile(r"(?<!\w)ENVIRONMENT\s*[=:]\s*[\"']?([A-Za-z][A-Za-z0-9_-]*)\b")
FASTAPI_RUN = re.compile(r"\bfastapi\s+(run|dev)\b(?P<options>[^\n;&|]*)")


@dataclass(frozen=True, slots=True)
class Entrypoint:
    """What is served: module and attribute, and where that was read, such as `Dockerfile:12`."""

    module: str
    attribute: str
    read_in: str
    is_factory: bool = False

    def __str__(self) -> str:
        return f"{self.module}:{self.attribute}"


@dataclass(frozen=True, slots=True)
class App:
    """The expression that makes the application.

    `name` is what it is assigned to, empty where it is returned or passed on. `function` is the
    function that it stands in, empty at the top of a module. `call` is what is called: FastAPI, or
    a class derived from it.
    """

    place: Place
    name: str
    function: str
    call: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OldPolicy:
    """One CORSMiddleware: where it stands, how it was added, and each argument as it reads.

    `how` is `add_middleware`, `Middleware` or `wrapped`. `condition` is the test of the `if` around
    it. An argument that is missing has Starlette's default.
    """

    place: Place
    how: str
    arguments: Mapping[str, Value]
    condition: str = ""
    function: str = ""

    @property
    def origins(self) -> tuple[str, ...]:
        """The allowed origins as they read, or those that are seen where they cannot be read."""
        value = self.arguments.get("allow_origins")
        return (value.items if value.is_read else value.seen) if value else ()

    @property
    def origin_regex(self) -> str:
        """The expression that origins may match, or its source where that cannot be read."""
        value = self.arguments.get("allow_origin_regex")
        if value is None or (value.is_read and value.value is None):
            return ""
        return str(value.value) if value.is_read else value.source

    @property
    def credentials(self) -> bool:
        """Whether credentials are allowed, as far as that reads."""
        value = self.arguments.get("allow_credentials")
        return bool(value and value.value)

    @property
    def allows_everybody(self) -> bool:
        """Whether every site may call."""
        return "*" in self.origins or self.origin_regex in (".*", "^.*$", ".+")

    def listed(self, argument: str) -> tuple[str, ...]:
        """Return the items of a list argument, empty where it is missing or cannot be read."""
        value = self.arguments.get(argument)
        return value.items if value else ()


@dataclass(frozen=True, slots=True)
class Dotenv:
    """A dotenv file: its path, relative to the service's folder, and the names of its variables.

    `policy` has the values of the variables that a CORSMiddleware is made from; no other value is
    kept, since it may be a secret.
    """

    name: str
    names: tuple[str, ...]
    policy: Mapping[str, str]


@dataclass(frozen=True)
class Survey:
    """What was found. Paths in places are relative to `folder`, the service's own folder.

    `package_path` is where the package lies, such as `src/orders` or `app`; empty for modules that
    lie in no package. `layout` is `src`, `package` or `modules`.
    """

    folder: Path
    repository: Path | None = None
    entrypoint: Entrypoint | None = None
    app: App | None = None
    apps: tuple[App, ...] = ()
    package: str = ""
    package_path: str = ""
    layout: str = "modules"
    policies: tuple[OldPolicy, ...] = ()
    cors_headers_by_hand: tuple[Place, ...] = ()
    settings_class: str = ""
    settings_place: Place | None = None
    dotenv_files: tuple[Dotenv, ...] = ()
    manager: str = ""
    dependency_file: str = ""
    tests: str = ""
    # Where tests import CORSMiddleware, to look for it.
    tests_of_policy: tuple[Place, ...] = ()
    cookies: tuple[Place, ...] = ()
    bearer: tuple[Place, ...] = ()
    api_key_headers: tuple[str, ...] = ()
    websockets: tuple[Place, ...] = ()
    mounts: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    # What ENVIRONMENT is set to, by name with the place.
    environment_names: Mapping[str, str] = field(default_factory=dict)
    # Variables that name the environment in the place of ENVIRONMENT, with the place.
    other_environment_variables: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_service(self) -> bool:
        """Whether an application was found at all."""
        return bool(self.apps)

    @property
    def prefix(self) -> str:
        """The service's folder in its repository, such as `backend`; empty at the top."""
        if self.repository is None:
            return ""
        inside = self.folder.relative_to(self.repository).as_posix()
        return "" if inside == "." else inside

    @property
    def origins_seen(self) -> tuple[str, ...]:
        """Every origin of every policy, and those that dotenv files give to their variables."""
        found = [origin for policy in self.policies for origin in policy.origins]
        for policy in self.policies:
            value = policy.arguments.get("allow_origins")
            for name in value.variables if value else ():
                for file in self.dotenv_files:
                    found += Value("", True, file.policy.get(name, "")).items
        return tuple(dict.fromkeys(found))


def survey(folder: Path, words: re.Pattern[bytes] = WORDS) -> Survey:
    """Read a service. `folder` is its own folder, or a repository that holds it in a subfolder.

    A module without any of the words is read only where a name leads to it.
    """
    given = folder.resolve()
    repository = top_of_repository(given)
    paths = [*files(given)]
    reader = Reader(given, folders_of(given))
    modules = [*parsed(reader, paths, words)]
    apps = [*applications(reader, modules)]
    own = own_folder(given, [module for module, _ in apps], paths)
    own = own or served_from(given, stated_entrypoints(given, repository, reader, paths)) or given
    if own != given:
        return survey(own, words)
    entrypoint = find_entrypoint(given, repository, reader, paths, apps)
    app = app_of(entrypoint, reader, apps)
    package, package_path, layout = package_of(given, entrypoint, app)
    code = [module for module in modules if not is_test(Path(module.name))]
    policies = tuple(policy for module in code for policy in policies_in(reader, module))
    settings = find_settings(reader, code)
    manager, dependency_file = dependencies(given, repository)
    traits = Traits(code)
    for name, text in reader.texts.items():
        traits.look_at_unparsed(name, text)
    return Survey(
        folder=given,
        repository=repository,
        entrypoint=entrypoint,
        app=app,
        apps=tuple(each for _, each in apps),
        package=package,
        package_path=package_path,
        layout=layout,
        policies=policies,
        cors_headers_by_hand=tuple(traits.cors_headers),
        settings_class=settings.node.name if settings else "",
        settings_place=settings.module.place(settings.node) if settings else None,
        dotenv_files=tuple(
            dotenv_files(given, files_at_top(repository, given), policies, reader.unread)
        ),
        manager=manager,
        dependency_file=dependency_file,
        tests=tests_folder(given, paths),
        tests_of_policy=tuple(
            module.place(node)
            for module in modules
            if module not in code
            for node in ast.walk(module.tree)
            if isinstance(node, ast.ImportFrom)
            and any(each.name == "CORSMiddleware" for each in node.names)
        ),
        cookies=tuple(traits.cookies),
        bearer=tuple(traits.bearer),
        api_key_headers=tuple(dict.fromkeys(traits.api_key_headers)),
        websockets=tuple(traits.websockets),
        mounts=tuple(dict.fromkeys(traits.mounts)),
        methods=tuple(sorted(traits.methods)),
        environment_names=environment_names(
            reader, modules, settings, [*paths, *files_at_top(repository, given)]
        ),
        other_environment_variables=other_environment_variables(settings),
        unread=dict(reader.unread),
    )


# --- Files ------------------------------------------------------------------------------------


def files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder, without those of libraries and of what a build makes."""
    count = 0
    for here, folders, names in os.walk(folder):
        is_passed_over = PASSED_OVER.intersection
        folders[:] = sorted(
            name
            for name in folders
            if not is_passed_over({name}) and not os.path.exists(f"{here}/{name}/pyvenv.cfg")
        )
        for name in sorted(names):
            count += 1
            if count > MOST_FILES:
                return
            yield Path(here, name)


def folders_of(folder: Path) -> tuple[Path, ...]:
    """Return the folders that imports are looked up in."""
    return (folder, folder / "src", *(p for p in folder.glob("*/src") if p.is_dir()))


def parsed(reader: Reader, paths: Iterable[Path], words: re.Pattern[bytes]) -> Iterator[Module]:
    """Parse the Python files that may say something about the app or its policy."""
    for path in paths:
        if path.suffix != ".py":
            continue
        try:
            is_of_interest = path.stat().st_size <= MOST_BYTES and words.search(path.read_bytes())
        except OSError as error:
            reader.unread[relative(path, reader.root)] = f"cannot be read ({error.strerror})"
            continue
        if is_of_interest and (module := reader.module(path)):
            yield module


def top_of_repository(folder: Path) -> Path | None:
    """Return the top of the git repository that a folder is in."""
    for each in (folder, *folder.parents):
        if (each / ".git").exists():
            return each
    return None


def files_at_top(repository: Path | None, folder: Path) -> list[Path]:
    """Return the files at the top of the repository, for a service in a folder below it."""
    if repository is None or repository == folder:
        return []
    return [path for path in sorted(repository.iterdir()) if path.is_file()]


def is_test(path: Path) -> bool:
    """Whether a file belongs to tests, examples or documentation."""
    names = {*path.parts[:-1]}
    is_test_file = path.name.startswith("test_") or path.name in ("conftest.py", "tests.py")
    return is_test_file or bool(names & {"tests", "test", "testing", "docs", "examples", "scripts"})


def own_folder(folder: Path, modules: list[Module], paths: list[Path]) -> Path | None:
    """Return the folder of the service: the nearest around its app that has a project file."""
    places = [module.path for module in modules if not is_test(Path(module.name))]
    counts: dict[Path, int] = {}
    for path in places:
        for parent in path.parents:
            if not parent.is_relative_to(folder):
                break
            if any((parent / name).exists() for name in PROJECT_FILES):
                counts[parent] = counts.get(parent, 0) + 1
                break
        else:
            continue
    if folder in counts or not counts:
        return folder if counts else None
    return max(counts, key=lambda each: (counts[each], -len(each.parts), each.as_posix()))


def served_from(folder: Path, stated: Iterable[Entrypoint]) -> Path | None:
    """Return the folder that a stated module is imported from, around the file that states it."""
    for each in stated:
        around = folder / each.read_in.partition(":")[0]
        for base in reversed([p for p in around.parents if p.is_relative_to(folder)]):
            if module_file(each.module, (base, base / "src")):
                return base
    return None


# --- The application --------------------------------------------------------------------------


def applications(reader: Reader, modules: Iterable[Module]) -> Iterator[tuple[Module, App]]:
    """Yield each expression that makes a FastAPI application, tests left out."""
    every = [*modules]
    derived = {
        node.name
        for module in every
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
        and any(last_name(base) in ("FastAPI", "CORSFastAPI") for base in node.bases)
    }
    for module in every:
        if is_test(Path(module.name)):
            continue
        names = {"FastAPI", "CORSFastAPI", *derived} | {
            alias.asname
            for node in ast.walk(module.tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if alias.asname and alias.name in ("FastAPI", *derived)
        }
        yield from ((module, app) for app in apps_in(module, names))


def apps_in(module: Module, names: set[str]) -> Iterator[App]:
    """Yield the calls of these classes in a module."""
    for functions, _, node in walk_with_context(module.tree):
        if not isinstance(node, ast.Assign | ast.AnnAssign | ast.Return | ast.Expr | ast.NamedExpr):
            continue
        target = ""
        if isinstance(node, ast.Assign):
            target = last_name(node.targets[0])
        elif isinstance(node, ast.AnnAssign):
            target = last_name(node.target)
        for call in own_nodes(node):
            if isinstance(call, ast.Call) and last_name(call.func) in names:
                function = functions[-1].name if functions else ""
                is_target = node.value is call if not isinstance(node, ast.NamedExpr) else False
                keywords = tuple(each.arg or "**" for each in call.keywords)
                name = target if is_target else ""
                yield App(module.place(call), name, function, module.source(call.func), keywords)


Context = tuple[tuple[Function, ...], str, ast.AST]


def walk_with_context(
    tree: ast.AST, functions: tuple[Function, ...] = (), condition: str = ""
) -> Iterator[Context]:
    """Yield each node with the functions around it and the test of the nearest `if` around it."""
    for node in ast.iter_child_nodes(tree):
        yield from visited(node, functions, condition)


def visited(node: ast.AST, functions: tuple[Function, ...], condition: str) -> Iterator[Context]:
    """Yield a node and those in it, as `walk_with_context` does."""
    yield functions, condition, node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        functions = (*functions, node)
    if not isinstance(node, ast.If):
        yield from walk_with_context(node, functions, condition)
        return
    test = ast.unparse(node.test)
    yield from visited(node.test, functions, condition)
    for branch, reason in ((node.body, test), (node.orelse, f"not ({test})")):
        for each in branch:
            yield from visited(each, functions, reason)


def find_entrypoint(
    folder: Path,
    repository: Path | None,
    reader: Reader,
    paths: list[Path],
    apps: list[tuple[Module, App]],
) -> Entrypoint | None:
    """Return what is served: what a file says, or the usual name of the app."""
    stated = [*stated_entrypoints(folder, repository, reader, paths)]
    for each in stated:
        if module_file(each.module, reader.folders):
            return each
    usual = [
        (USUAL_FILES.index(module.path.name), len(Path(module.name).parts), module, app)
        for module, app in apps
        if module.path.name in USUAL_FILES
    ]
    others = [(len(USUAL_FILES), len(Path(module.name).parts), module, app) for module, app in apps]
    ranked = sorted(usual or others, key=lambda each: (bool(each[3].function), each[0], each[1]))
    for _, _, module, app in ranked:
        name = dotted(Path(module.name))
        if not app.function and app.name:
            return Entrypoint(name, app.name, f"{app.place}")
        if app.function:
            if made := assigned_from(module, app.function):
                return Entrypoint(name, made, f"{app.place}")
            return Entrypoint(name, app.function, f"{app.place}", is_factory=True)
    return None


def stated_entrypoints(
    folder: Path, repository: Path | None, reader: Reader, paths: list[Path]
) -> Iterator[Entrypoint]:
    """Yield what the files say that is served: the most explicit first."""
    if stated := toml(folder / "pyproject.toml", reader).get("tool", {}).get("fastapi", {}):
        text = stated.get("entrypoint", "") if isinstance(stated, dict) else ""
        module, _, attribute = str(text).partition(":")
        if module:
            yield Entrypoint(module, attribute or "app", "pyproject.toml")
    every = [*paths, *files_at_top(repository, folder)]
    candidates = [path for path in every if is_command_file(path)]
    for path in sorted(candidates, key=lambda each: COMMAND_FILES.index(kind_of(each))):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        name = relative(path, folder)
        yield from commands_in(text, name, folder)
    for path in paths:
        if path.suffix != ".py" or b"uvicorn" not in quick(path):
            continue
        source = reader.module(path)
        if source and not is_test(Path(source.name)):
            yield from uvicorn_runs(source)


# In the order in which they are believed.
COMMAND_FILES = ("Dockerfile", "Procfile", "compose", "script", "Makefile")


def kind_of(path: Path) -> str:
    """Return which of COMMAND_FILES a file is, or nothing."""
    name = path.name
    if re.fullmatch(r"(Docker|Container)file(\..+)?|.+\.[Dd]ockerfile", name):
        return "Dockerfile"
    if re.fullmatch(r"(docker-)?compose[\w.-]*\.ya?ml", name):
        return "compose"
    if name in ("Procfile", "Makefile"):
        return name
    is_script = name.endswith(".sh") or name in ("justfile", "Justfile", "app.yaml", "fly.toml")
    return "script" if is_script or name in ("render.yaml", "railway.json", "start") else ""


def is_command_file(path: Path) -> bool:
    """Whether a file may hold the command that serves the app."""
    return bool(kind_of(path)) and path.is_file() and path.stat().st_size <= MOST_BYTES


def quick(path: Path) -> bytes:
    """Return the bytes of a file, none where it cannot be read or is large."""
    try:
        return path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
    except OSError:
        return b""


def commands_in(text: str, name: str, folder: Path) -> Iterator[Entrypoint]:
    """Yield what the commands in a file serve: of uvicorn and its like, and of `fastapi run`."""
    # A command may be an array, as in CMD ["uvicorn", "app.main:app"], and go on below.
    plain = re.sub(r"\\\r?\n", lambda found: " " * len(found[0]), text)
    plain = re.sub(r"[\"',\[\]]", " ", plain)
    for found in SERVERS.finditer(plain):
        line = plain.count("\n", 0, found.start()) + 1
        rest = plain[found.start() :].partition("\n")[0]
        module, _, attribute = found["target"].partition(":")
        is_factory = "--factory" in rest or bool(found[3])
        yield Entrypoint(module, attribute, f"{name}:{line}", is_factory)
    for found in FASTAPI_RUN.finditer(plain):
        line = plain.count("\n", 0, found.start()) + 1
        path = next((word for word in found["options"].split() if word.endswith(".py")), "")
        app = re.search(r"--app[ =](\w+)", found["options"])
        candidates = [path] if path else ["main.py", "app.py", "api.py"]
        candidates += [f"app/{each}" for each in candidates] if not path else []
        for each in candidates:
            # In an image, the file may lie below a folder that is copied as a whole.
            parts = Path(each).parts
            tails = (Path(*parts[start:]) for start in range(len(parts)))
            inside = next((tail for tail in tails if (folder / tail).is_file()), None)
            if inside is not None:
                yield Entrypoint(dotted(inside), app[1] if app else "app", f"{name}:{line}")
                break


def uvicorn_runs(module: Module) -> Iterator[Entrypoint]:
    """Yield what `uvicorn.run(…)` in a module serves."""
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call) or module.source(node.func) != "uvicorn.run":
            continue
        given = node.args[0] if node.args else None
        where = str(module.place(node))
        if isinstance(given, ast.Constant) and isinstance(given.value, str):
            name, _, attribute = given.value.partition(":")
            factory = any(k.arg == "factory" for k in node.keywords)
            yield Entrypoint(name, attribute or "app", where, factory)
        elif isinstance(given, ast.Name):
            yield Entrypoint(dotted(Path(module.name)), given.id, where)


def dotted(path: Path) -> str:
    """Return the module name of a file in the service's folder."""
    parts = [*path.with_suffix("").parts]
    if parts[:1] == ["src"] and len(parts) > 1:
        parts = parts[1:]
    if parts[-1:] == ["__init__"]:
        parts = parts[:-1]
    return ".".join(parts)


def module_file(name: str, folders: Iterable[Path]) -> Path | None:
    """Return the file of a module."""
    for folder in folders:
        path = folder.joinpath(*name.split("."))
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


def assigned_from(module: Module, function: str) -> str:
    """Return the name at the top of a module that a call of a function is assigned to."""
    for node in module.tree.body:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
            continue
        if last_name(node.value.func) == function:
            return last_name(node.targets[0])
    return ""


def app_of(
    entrypoint: Entrypoint | None, reader: Reader, apps: list[tuple[Module, App]]
) -> App | None:
    """Return the expression that makes what is served; None where that does not lead to one."""
    path = module_file(entrypoint.module, reader.folders) if entrypoint else None
    module = reader.module(path) if path else None
    if entrypoint is None or module is None:
        return apps[0][1] if len(apps) == 1 else None
    return follow(entrypoint.attribute.partition(".")[0], module, reader, apps, 0)


def follow(
    name: str, module: Module, reader: Reader, apps: list[tuple[Module, App]], depth: int
) -> App | None:
    """Return the app that a name at the top of a module, or a function, makes."""
    here = [app for each, app in apps if each.path == module.path]
    for app in here:
        if (app.name == name and not app.function) or app.function == name:
            return app
    found, scope = reader.definitions(name, Scope(module))
    if depth > 4 or len(found) != 1:
        return None
    node = found[0]
    if scope.module is not module:
        original = getattr(node, "name", "") or last_name(getattr(node, "targets", [None])[0])
        return follow(original or name, scope.module, reader, apps, depth + 1)
    value = getattr(node, "value", None)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        value = returned_by(node)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return follow(value.func.id, module, reader, apps, depth + 1)
    return None


def returned_by(function: Function) -> ast.expr | None:
    """Return the expression that a function returns, also by a name that it is assigned to."""
    returned = [each.value for each in own_nodes(function) if isinstance(each, ast.Return)]
    value = returned[0] if len(returned) == 1 else None
    if isinstance(value, ast.Name):
        assigned = [*bindings(function, value.id)]
        value = getattr(assigned[0], "value", None) if len(assigned) == 1 else None
    return value


def package_of(
    folder: Path, entrypoint: Entrypoint | None, app: App | None
) -> tuple[str, str, str]:
    """Return the package's name, its path and the layout."""
    served = [entrypoint.module] if entrypoint else []
    # `main:app` may be a module beside the package that makes the app.
    for module in [*served, *([dotted(Path(app.place.file))] if app else [])]:
        first, _, rest = module.partition(".")
        for base, layout in (("", "package"), ("src", "src")):
            path = folder / base / first
            if first and path.is_dir() and (rest or (path / "__init__.py").is_file()):
                return first, f"{base}/{first}".lstrip("/"), layout
    return "", "", "modules"


# --- The old policy ---------------------------------------------------------------------------


def policies_in(reader: Reader, module: Module) -> Iterator[OldPolicy]:
    """Yield each CORSMiddleware in a module."""
    names = {"CORSMiddleware"}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom):
            names |= {a.asname for a in node.names if a.name == "CORSMiddleware" and a.asname}
        if isinstance(node, ast.ClassDef) and names & set(map(last_name, node.bases)):
            names.add(node.name)
    seen: set[int] = set()
    for functions, condition, node in walk_with_context(module.tree):
        if not isinstance(node, ast.Call) or id(node) in seen:
            continue
        seen.add(id(node))
        called, how = last_name(node.func), ""
        if called in ("add_middleware", "Middleware"):
            how = called if node.args and last_name(node.args[0]) in names else ""
        elif called in names:
            how = "wrapped"
        if how:
            scope = Scope(module, functions)
            arguments = {
                keyword.arg or "**": reader.value(keyword.value, scope)
                for keyword in node.keywords
                if keyword.arg not in ("app", "middleware_class")
            }
            function = functions[-1].name if functions else ""
            yield OldPolicy(module.place(node), how, arguments, condition, function)


def find_settings(reader: Reader, modules: Iterable[Module]) -> Class | None:
    """Return the settings class: of several that which has ENVIRONMENT, or most fields."""
    found = [
        Class(node, module)
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and reader.is_settings(Class(node, module))
    ]

    def rank(each: Class) -> tuple[bool, int]:
        return bool(fields_of_environment(each.node)), len(each.node.body)

    return max(found, key=rank, default=None)


def environment_names(
    reader: Reader, modules: Iterable[Module], settings: Class | None, paths: Iterable[Path]
) -> dict[str, str]:
    """Return what ENVIRONMENT is set to in code, tests, dotenv and container files, with places."""
    found: dict[str, str] = {}
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Assign | ast.Call):
                for name in environments_in(node):
                    found.setdefault(name, str(module.place(node)))
    if settings:
        for declared in fields_of_environment(settings.node):
            for name in values_of(declared, reader, settings):
                found.setdefault(name, str(settings.module.place(declared)))
    for path in paths:
        if kind_of(path) or DOTENV_NAME.fullmatch(path.name) or path.suffix in (".ini", ".toml"):
            text = quick(path).decode("utf-8", "replace")
            for match in IS_ENVIRONMENT.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                found.setdefault(match[1], f"{relative(path, reader.root)}:{line}")
    return found


def values_of(declared: ast.stmt, reader: Reader, settings: Class) -> Iterator[str]:
    """Yield the texts that a field takes: those of a Literal, its default, those of an Enum."""
    annotation = getattr(declared, "annotation", None)
    choices = reader.class_named(annotation, Scope(settings.module))
    for owner in (declared, *(choices.node.body if choices else ())):
        assigned = owner if owner is declared else getattr(owner, "value", None)
        for node in ast.walk(assigned) if assigned else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def environments_in(node: ast.AST) -> Iterator[str]:
    """Yield the texts that a statement or call sets ENVIRONMENT to, or takes in its place."""
    given: list[ast.expr] = []
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        given = [node.targets[0].slice, node.value]
    elif isinstance(node, ast.Call) and last_name(node.func) in ENVIRONMENT_SETTERS:
        given = node.args[:2]
    texts = [each.value for each in given if isinstance(each, ast.Constant)]
    if len(texts) == 2 and texts[0] == "ENVIRONMENT" and isinstance(texts[1], str):
        yield texts[1]


def fields_of_environment(owner: ast.ClassDef) -> list[ast.AnnAssign]:
    """Return the settings fields that ENVIRONMENT is read into."""
    fields = (node for node in owner.body if isinstance(node, ast.AnnAssign))
    return [
        node
        for node in fields
        if variable_of(owner, last_name(node.target), node.value) == "ENVIRONMENT"
    ]


def other_environment_variables(settings: Class | None) -> dict[str, str]:
    """Return variables such as APP_ENV, from which settings read an environment, with places."""
    found = {}
    for node in settings.node.body if settings else ():
        if settings and isinstance(node, ast.AnnAssign):
            name = variable_of(settings.node, last_name(node.target), node.value)
            if re.fullmatch(r"(\w+_)?(ENV|ENVIRONMENT)", name) and name != "ENVIRONMENT":
                found[name] = str(settings.module.place(node))
    return found


# --- What else a policy has to know -----------------------------------------------------------


class Traits:
    """What the code says about cookies, tokens, WebSockets, mounts and methods."""

    def __init__(self, modules: Iterable[Module]) -> None:
        self.cookies: list[Place] = []
        self.bearer: list[Place] = []
        self.cors_headers: list[Place] = []
        self.websockets: list[Place] = []
        self.api_key_headers: list[str] = []
        self.mounts: list[str] = []
        self.methods: set[str] = set()
        for module in modules:
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Call):
                    self.look_at_call(module, node)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    self.look_at_text(module, node, node.value)

    def look_at_call(self, module: Module, node: ast.Call) -> None:
        """Note what a call says."""
        name, place = last_name(node.func), module.place(node)
        first = node.args[0] if node.args else None
        text = first.value if isinstance(first, ast.Constant) else None
        is_method = isinstance(node.func, ast.Attribute)
        if name == "set_cookie" or "SessionMiddleware" in (name, last_name(first)):
            self.cookies.append(place)
        elif name in BEARER:
            self.bearer.append(place)
        elif name == "APIKeyHeader":
            named = next((k.value for k in node.keywords if k.arg == "name"), first)
            if isinstance(named, ast.Constant):
                self.api_key_headers.append(str(named.value))
        elif name == "APIKeyCookie":
            self.cookies.append(place)
        elif is_method and name in ("websocket", "websocket_route", "add_api_websocket_route"):
            self.websockets.append(place)
        elif is_method and name == "mount" and isinstance(text, str):
            self.mounts.append(text)
        elif is_method and name in VERBS and re.match("[/{]|$", str(text)):
            self.methods.add(name.upper())
        elif name in ("api_route", "add_api_route"):
            for keyword in node.keywords:
                if keyword.arg == "methods" and isinstance(keyword.value, ast.List):
                    values = (getattr(each, "value", "") for each in keyword.value.elts)
                    self.methods |= {str(value).upper() for value in values if value}

    def look_at_unparsed(self, name: str, text: str) -> None:
        """Note words of a file that could not be parsed."""
        if is_test(Path(name)):
            return
        for number, line in enumerate(text.splitlines(), 1):
            place = Place(name, number, number)
            if re.search(rf"\b({'|'.join(BEARER)})\(|[\"']authorization[\"']", line, re.IGNORECASE):
                self.bearer.append(place)
            if re.search(r"\bset_cookie\(|\bSessionMiddleware\b", line):
                self.cookies.append(place)

    def look_at_text(self, module: Module, node: ast.Constant, text: str) -> None:
        """Note a header name."""
        if text.lower() == "authorization":
            self.bearer.append(module.place(node))
        elif text.lower() == "access-control-allow-origin":
            self.cors_headers.append(module.place(node))


# --- The project around it --------------------------------------------------------------------


def toml(path: Path, reader: Reader) -> dict[str, Any]:
    """Return what a TOML file holds; nothing, and an entry in `unread`, where it cannot be read."""
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        reader.unread[path.name] = f"is not TOML: {error}"
        return {}


def dependencies(folder: Path, repository: Path | None) -> tuple[str, str]:
    """Return the dependency manager, and the file that lists what the service needs."""
    try:
        text = (folder / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, ValueError):
        text = ""
    has = {name for name in PROJECT_LOCKS if (folder / name).exists()}
    # A workspace has its lock at the top.
    is_member = bool(text and repository and (repository / "uv.lock").exists())
    if "uv.lock" in has or is_member or re.search(r"(?m)^\[tool\.uv\b", text):
        return "uv", "pyproject.toml"
    if "poetry.lock" in has or re.search(r"(?m)^\[tool\.poetry\b", text):
        return "poetry", "pyproject.toml"
    if "pdm.lock" in has or re.search(r"(?m)^\[tool\.pdm\b", text):
        return "pdm", "pyproject.toml"
    if "Pipfile" in has:
        return "pipenv", "Pipfile"
    for name in ("requirements.in", "requirements/base.in"):
        if (folder / name).is_file():
            return "pip-tools", name
    if re.search(r"(?m)^dependencies\s*=", text) and "[project]" in text:
        return "pyproject", "pyproject.toml"
    names = ("requirements.txt", "requirements/base.txt", "requirements/requirements.txt")
    for name in (*names, "requirements/prod.txt", "requirements/production.txt"):
        if (folder / name).is_file():
            return "requirements", name
    return "", ""


PROJECT_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile")


def tests_folder(folder: Path, paths: Iterable[Path]) -> str:
    """Return the folder that holds most of the tests; empty where there are none."""
    counts: dict[str, int] = {}
    for path in paths:
        parts = path.relative_to(folder).parts
        if path.suffix == ".py" and (path.name.startswith("test_") or path.stem.endswith("_test")):
            place = next((i for i, part in enumerate(parts) if part in ("tests", "test")), None)
            name = "/".join(parts[: place + 1] if place is not None else parts[:-1]) or "."
            counts[name] = counts.get(name, 0) + 1
    return max(counts, key=lambda each: (counts[each], -len(each))) if counts else ""


def dotenv_files(
    folder: Path, at_top: Iterable[Path], policies: Iterable[OldPolicy], unread: dict[str, str]
) -> Iterator[Dotenv]:
    """Yield the dotenv files of a service, with the values of its policy's variables alone."""
    wanted = {
        name for each in policies for value in each.arguments.values() for name in value.variables
    }
    for path in (*sorted(folder.iterdir()), *at_top):
        name = os.path.relpath(path, folder).replace(os.sep, "/")
        if not DOTENV_NAME.fullmatch(path.name) or not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, ValueError):
            unread[name] = "cannot be read as UTF-8 text"
            continue
        found = re.findall(r"(?m)^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=[ \t]*(.*?)[ \t]*$", text)
        values = {key.upper(): value.strip("'\"") for key, value in found}
        kept = {key: value for key, value in values.items() if key in wanted}
        yield Dotenv(name, tuple(values), kept)


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git in a folder; where there is no git, it fails."""
    command = ["git", *arguments]
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))
