"""The exit codes stand in one place, and whatever tells the user about them says the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from ftpcli import errors
from ftpcli.cli.app import cli
from ftpcli.exit_codes import MEANINGS, WHEN_SEVERAL_FAIL, by_signal, combined

ROOT = Path(__file__).parents[1]
# Modules that still write an exit code as a number.


def plain(text: str) -> str:
    """``text`` without line ends, closing period and capitals."""
    return " ".join(text.split()).removesuffix(".").lower()


EXPECTED = {code: plain(meaning) for code, meaning in MEANINGS.items()}


def test_help_names_every_code() -> None:
    text = CliRunner().invoke(cli, ["--help"]).output.partition("Exit codes:\n")[2]
    found = re.findall(r"^ {2}(\d+) +(.*(?:\n {4}.*)*)", text, re.MULTILINE)
    assert {int(code): plain(meaning) for code, meaning in found} == EXPECTED
    assert plain(WHEN_SEVERAL_FAIL) in plain(text)


def test_man_page_names_every_code() -> None:
    text = (ROOT / "man" / "ftpcli.1").read_text("utf-8").partition(".SH EXIT STATUS\n")[2].partition(".SH ")[0]
    found = re.findall(r"^\.TP\n\.B (\d+)\n((?:[^.].*\n)+)", text, re.MULTILINE)
    assert {int(code): plain(meaning) for code, meaning in found} == EXPECTED
    assert text.count(".TP") == len(EXPECTED)
    assert plain(WHEN_SEVERAL_FAIL) in plain(text)


def test_handbook_names_every_code() -> None:
    """One page for users has the table, under the heading ``exit code | meaning``."""
    pages = [path.read_text("utf-8") for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))]
    (page,) = (page for page in pages if "| exit code | meaning |" in page)
    table = page.partition("| exit code | meaning |")[2].partition("\n\n")[0]
    found = re.findall(r"\| (\d+) \| ([^|]+) \|", table)
    assert {int(code): plain(meaning) for code, meaning in found} == EXPECTED
    assert len(found) == len(EXPECTED)


def test_every_error_has_a_code_with_a_meaning() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    codes = {kind.exit_code for kind in classes if issubclass(kind, errors.FtpcliError)}
    assert len(codes) > 10
    assert codes <= MEANINGS.keys()


def literals(tree: ast.AST) -> Iterator[int]:
    """Lines where a number is used as an exit code."""

    def is_code(node: ast.AST | None) -> bool:
        return isinstance(node, ast.Constant) and type(node.value) is int and node.value in MEANINGS.keys() - {0}

    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {getattr(target, "id", getattr(target, "attr", "")) for target in targets}
            if "exit_code" in names and is_code(node.value):
                yield node.lineno
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            named = any(keyword.arg == "exit_code" and is_code(keyword.value) for keyword in node.keywords)
            if named or (name in ("exit", "_exit", "Exit", "Stopped", "request") and any(map(is_code, node.args))):
                yield node.lineno


def test_no_module_writes_a_code_as_a_number() -> None:
    files = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "ftpcli").rglob("*.py")}
    found = {name for name, path in files.items() if any(literals(ast.parse(path.read_text("utf-8"))))}
    assert found == set()


def test_signals() -> None:
    assert [by_signal(number) for number in (2, 13, 15)] == [130, 141, 143]
    assert {130, 141, 143} <= MEANINGS.keys()


@pytest.mark.parametrize(("codes", "code"), [([], 0), ([0, 0], 0), ([6, 6], 6), ([0, 6], 1), ([3, 6], 1)])
def test_combined(codes: list[int], code: int) -> None:
    assert combined(codes) == code
