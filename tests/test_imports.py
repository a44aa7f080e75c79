"""Who may import whom, and where the dangerous modules may be used: read from the syntax trees, nothing is run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "ftpcli"
EVERYBODY = ("ftpcli", "ftpcli.model", "ftpcli.errors", "ftpcli.parts")

# Layer → the parts of ftpcli that it may import, besides itself and EVERYBODY.
LAYERS: dict[str, tuple[str, ...]] = {
    "ftpcli.errors": (),
    "ftpcli.model": (),
    "ftpcli.parts": (),
    "ftpcli.local": (),
    "ftpcli.part_file": ("ftpcli.local",),
    "ftpcli.wire": (),
    "ftpcli.net": (),
    "ftpcli.session": ("ftpcli.wire", "ftpcli.net"),
    "ftpcli.engine": ("ftpcli.session.opening", "ftpcli.session.protocol", "ftpcli.local", "ftpcli.part_file"),
    "ftpcli.cli": ("ftpcli.engine", "ftpcli.local", "ftpcli.demo"),
    "ftpcli.demo": ("ftpcli.local",),
    "ftpcli.__main__": ("ftpcli.cli", "ftpcli.engine"),
}

# Foreign module → the only places that may import it.
ONLY_IN: dict[str, tuple[str, ...]] = {
    "OpenSSL": ("ftpcli.net", "ftpcli.demo"),
    "service_identity": ("ftpcli.net",),
    "cryptography": ("ftpcli.net", "ftpcli.demo", "ftpcli.session.ssh.certificates", "ftpcli.session.ssh.keys"),
    "paramiko": (
        "ftpcli.session.sftp.channel",
        "ftpcli.session.ssh.loading",
        "ftpcli.session.ssh.packets",
        "ftpcli.session.ssh.route",
        "ftpcli.session.ssh.transport",
        "ftpcli.session.ssh.turns",
        "ftpcli.session.ssh.userauth",
    ),
    "keyring": ("ftpcli.cli.keyring",),
    "click": ("ftpcli.cli", "ftpcli.__main__"),
    "rich": ("ftpcli.cli",),
    "pathspec": ("ftpcli.engine.filters",),
    "watchfiles": ("ftpcli.engine.watcher",),
    "pyftpdlib": ("ftpcli.demo", "ftpcli.cli.commands.demo"),
    "threading": (
        "ftpcli.engine",
        "ftpcli.cli.asking",
        "ftpcli.cli.keyring",
        "ftpcli.cli.progress",
        "ftpcli.cli.screen",
        "ftpcli.demo",
    ),
    "socket": ("ftpcli.net", "ftpcli.session", "ftpcli.engine.stop", "ftpcli.cli", "ftpcli.demo"),
    "select": ("ftpcli.net", "ftpcli.session", "ftpcli.engine.stop", "ftpcli.cli", "ftpcli.demo"),
    "ssl": (),
    "asyncio": (),
    "importlib": ("ftpcli.cli.app",),
}
# The protocol itself: no sockets, no TLS, no threads, no files, no clock.
PURE = (
    "ftpcli.wire",
    "ftpcli.model",
    "ftpcli.errors",
    "ftpcli.parts",
    "ftpcli.engine.plan",
    "ftpcli.engine.filters",
    "ftpcli.engine.changes",
    "ftpcli.engine.names",
)
IMPURE = ("socket", "ssl", "select", "selectors", "threading", "queue", "asyncio", "subprocess", "os", "io", "pathlib")
# What loads paramiko, and what is only loaded together with something heavy.
SSH = ("ftpcli.session.sftp", "ftpcli.session.ssh")
LOADED_LATE = ("ftpcli.net.tls", *SSH)
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}


@dataclass(frozen=True)
class Import:
    """One module that another imports. ``typing``: under ``if TYPE_CHECKING``; ``lazy``: inside a function."""

    importer: str
    module: str
    line: int
    typing: bool
    lazy: bool

    def __str__(self) -> str:
        return f"{self.importer}, line {self.line}: {self.module}"


def module_of(path: Path) -> str:
    parts = ("ftpcli", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    path = ROOT.parent.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def imports(path: Path) -> Iterator[Import]:
    importer = module_of(path)
    package = importer if path.name == "__init__.py" else importer.rpartition(".")[0]

    def walk(node: ast.AST, *, typing: bool, lazy: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(importer, alias.name, child.lineno, typing, lazy)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    above = package.split(".")[: len(package.split(".")) - child.level + 1]
                    base = ".".join([*above, *([base] if base else [])])
                for alias in child.names:
                    inner = f"{base}.{alias.name}"
                    name = inner if base.startswith("ftpcli") and is_module(inner) else base
                    yield Import(importer, name, child.lineno, typing, lazy)
            else:
                guarded = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
                function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
                yield from walk(child, typing=typing or guarded, lazy=lazy or function)

    yield from walk(ast.parse(path.read_text("utf-8")), typing=False, lazy=False)


def within(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(place + ".") for place in places)


FILES = sorted(ROOT.rglob("*.py"))
ALL = [found for path in FILES for found in imports(path)]


def layer_of(module: str) -> str:
    return next((layer for layer in LAYERS if within(module, (layer,))), module)


def test_there_is_something_to_check() -> None:
    assert len(FILES) > 30
    assert len(ALL) > 100


@pytest.mark.parametrize("layer", LAYERS)
def test_layers(layer: str) -> None:
    def allowed(found: Import) -> bool:
        return found.module in EVERYBODY or within(found.module, (layer, *LAYERS[layer]))

    ours = [found for found in ALL if layer_of(found.importer) == layer and within(found.module, ("ftpcli",))]
    assert [str(found) for found in ours if not allowed(found)] == []


def test_every_module_has_a_layer() -> None:
    assert [module_of(path) for path in FILES if layer_of(module_of(path)) not in {*LAYERS, "ftpcli"}] == []


@pytest.mark.parametrize("module", ONLY_IN)
def test_foreign_modules_have_their_place(module: str) -> None:
    users = [found for found in ALL if within(found.module, (module,))]
    assert [str(found) for found in users if not within(found.importer, ONLY_IN[module])] == []


def test_pure_modules_touch_nothing() -> None:
    users = [found for found in ALL if within(found.importer, PURE)]
    assert [str(found) for found in users if within(found.module, IMPURE)] == []


def test_plain_ftp_starts_without_openssl() -> None:
    """``net.tls`` and ``net.trust`` are loaded when TLS is wanted, and paramiko when SSH is, and not before."""
    heavy = [found for found in ALL if within(found.module, ("ftpcli.net.tls", "ftpcli.net.trust", *SSH))]
    early = [found for found in heavy if not (found.typing or found.lazy or within(found.importer, LOADED_LATE))]
    assert [str(found) for found in early] == []
    assert [str(found) for found in early] == []


def test_the_keyring_is_not_loaded_before_it_is_needed() -> None:
    assert [str(found) for found in ALL if within(found.module, ("keyring",)) and not found.lazy] == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [path for path in ROOT.rglob("*") if path.stem.lower().strip("_") in NAMES_THAT_SAY_NOTHING] == []


def test_foreign_modules_are_declared() -> None:
    """Whatever is neither ours nor Python's own is in ONLY_IN or one of the plain helpers of the command line."""
    known = {*ONLY_IN, "ftpcli", "platformdirs", "tomli", "tomllib", "__future__", *sys.stdlib_module_names}
    assert [str(found) for found in ALL if found.module.partition(".")[0] not in known] == []
