"""What README.md, docs/ and the manual pages name is there, and what is there stands in them."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import functools
import json
import re
import shlex
import subprocess
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from ftpcli.cli.app import COMMANDS, cli
from ftpcli.cli.options.config_file import load
from ftpcli.cli.output.listing import json_line
from ftpcli.engine import events
from ftpcli.engine.json_events import as_record
from ftpcli.model import Entry, Kind
from tests.cli.command_tree import all_commands

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "tests" / "README.md"]
MAN_PAGES = sorted((ROOT / "man").glob("*.1"))
ARCHITECTURE = ROOT / "docs" / "architecture.md"
AUTOMATION = ROOT / "docs" / "automation.md"
BENCHMARKS = ROOT / "docs" / "benchmarks.md"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_WITH_COMMANDS = ("sh", "cron", "yaml", "ini")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
# What may stand before a command: a crontab's times, a list's dash and key in YAML.
_BEFORE_COMMAND = re.compile(r"[\d*/,-]+|\w+:")
# In a path these stand for a name of the reader's choice.
_PLACEHOLDER = re.compile(r"NAME|DIALECT")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


# Reading the pages


@functools.cache
def text_of(page: Path) -> str:
    return page.read_text("utf-8")


def blocks(page: Path, *languages: str) -> list[str]:
    """The fenced blocks in these languages."""
    return [body for language, body in _FENCE.findall(text_of(page)) if language in languages]


def prose(page: Path) -> str:
    """All but the fenced blocks."""
    return _FENCE.sub("", text_of(page))


def code_spans(page: Path) -> list[str]:
    """What stands between backticks, on one line."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(page))]


def headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)


def section(page: Path, heading: str) -> str:
    """From a heading to the next one of any level; also fenced blocks."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text_of(page), re.MULTILINE | re.DOTALL)
    assert found, f"{page.name} has no section {heading!r}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of all tables in a text, without the line below the header."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|--")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines]


def plain(man_page: Path) -> str:
    """A manual page without what sets its fonts."""
    return re.sub(r"\\f[BIRP]", "", man_page.read_text("utf-8")).replace("\\-", "-")


def options_of(command: click.Command) -> set[str]:
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    return {name for option in options for name in (*option.opts, *option.secondary_opts)}


def all_options() -> set[str]:
    return {"--help", "--version"}.union(*(options_of(command) for _, command in all_commands()))


def sources(folder: str) -> Iterator[Path]:
    return (ROOT / folder).rglob("*.py")


# Commands and options


def test_readme_has_every_command() -> None:
    table = section(ROOT / "README.md", "In the shell").partition("| command |")[2]
    assert {name for row in rows(table) for name in re.findall(r"`(\w+)`", row[0])} == set(COMMANDS)


@each_page
def test_pages_name_no_option_that_is_not_there(page: Path) -> None:
    benchmarks = "".join(path.read_text("utf-8") for path in sources("tests/benchmarks"))
    known = all_options().union(re.findall(r'add_argument\("(--[\w-]+)"', benchmarks))
    assert set(_OPTION.findall(text_of(page))) <= known


def commands_in(line: str) -> Iterator[list[str]]:
    """The arguments of each ``ftpcli`` in a line of a shell, a crontab, a unit file or a CI job."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for token in [*lexer, ";"]:
        if not re.fullmatch(r"[();<>|&]+", token):
            words.append(token)
            continue
        while words and _BEFORE_COMMAND.fullmatch(words[0]):
            words.pop(0)
        if words and re.fullmatch(r"(ExecStart=)?([./].*/)?ftpcli", words[0]):
            yield words[1:]
        words = []


def examples(page: Path) -> list[list[str]]:
    lines = (line for block in blocks(page, *_WITH_COMMANDS) for line in block.splitlines())
    return [arguments for line in lines if "ftpcli" in line for arguments in commands_in(line)]


def parse(arguments: list[str]) -> None:
    """As the program would. Raises UsageError for a command, an option or a value that it does not take."""
    context = click.Context(cli, info_name="ftpcli")
    command: click.Command = cli
    while isinstance(command, click.Group):
        found = command.get_command(context, arguments[0])
        assert found is not None, f"there is no command {arguments[0]}"
        command, arguments = found, arguments[1:]
    command.make_context(command.name, list(arguments), parent=context)


EXAMPLES = [(page, arguments) for page in PAGES for arguments in examples(page)]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 40
    assert {arguments[0] for _, arguments in EXAMPLES} >= {"ls", "get", "put", "mirror", "mv", "profile", "demo"}


@pytest.mark.parametrize(
    ("page", "arguments"), EXAMPLES, ids=[f"{page.stem}: {' '.join(words)[:60]}" for page, words in EXAMPLES]
)
def test_examples_parse(page: Path, arguments: list[str]) -> None:  # noqa: ARG001 - it is in the test's name
    parse(arguments)


@each_page
def test_commands_in_sentences_parse(page: Path) -> None:
    """They may leave their arguments out, and COMMAND stands for any."""
    for span in code_spans(page):
        if span.startswith("ftpcli ") and not span.startswith("ftpcli COMMAND"):
            with contextlib.suppress(click.MissingParameter):
                parse(shlex.split(span)[1:])


@each_page
def test_configs_are_understood(page: Path, tmp_path: Path) -> None:
    for number, block in enumerate(blocks(page, "toml")):
        path = tmp_path / f"{number}.toml"
        path.write_text(block, "utf-8")
        found = load(str(path), [command for _, command in all_commands()])
        assert found.profiles
        assert all(table.place for table in found.profiles.values())


# Manual pages


@pytest.mark.parametrize(("page", "command"), list(all_commands()))
def test_every_option_stands_in_the_man_page(page: str, command: click.Command) -> None:
    text = plain(ROOT / "man" / f"{page}.1")
    missing = [name for name in options_of(command) if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)]
    assert missing == []


def test_every_man_page_has_its_command() -> None:
    assert {page.stem for page in MAN_PAGES} == {name for name, _ in all_commands()}


def test_man_pages_name_no_option_that_is_not_there() -> None:
    known = all_options()
    for page in MAN_PAGES:
        assert set(_OPTION.findall(plain(page))) <= known, page.name


@pytest.mark.parametrize("page", MAN_PAGES, ids=lambda page: page.name)
def test_man_pages_are_well_formed(page: Path) -> None:
    try:
        done = subprocess.run(["groff", "-man", "-ww", "-z", str(page)], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no groff")
    assert (done.returncode, done.stderr) == (0, "")


# Links, files, names


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if link.startswith("https://"):
            continue  # the suite does without the network
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not fragment or fragment in map(anchor, headings(target)), link


def test_readme_leads_to_every_page() -> None:
    links = set(re.findall(r"\]\(([^)#]+)\)", text_of(ROOT / "README.md")))
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*")} <= links


@each_page
def test_files_exist(page: Path) -> None:
    """Paths from the checkout on, and in code the bare names of modules."""
    text = text_of(page)
    paths = re.findall(r"(?<![\w./~:-])((?:ftpcli|tests|docs|man|completions|\.ci)/[\w./-]*)", prose(page))
    modules = re.findall(r"python -m (tests\.[\w.]+)", text)
    for module in modules:
        package = f"{module.replace('.', '/')}/__main__.py"
        paths.append(package if (ROOT / package).exists() else f"{module.replace('.', '/')}.py")
    missing = {path for path in paths if not _PLACEHOLDER.search(path) and not (ROOT / path.rstrip("./")).exists()}
    assert missing == set()
    names = {path.name for folder in ("ftpcli", "tests") for path in sources(folder)}
    assert {span for span in code_spans(page) if re.fullmatch(r"\w+\.py", span)} <= names


def test_the_picture_shows_every_floor() -> None:
    """Folders on two floors, the one inside the third by its name, and the modules that every floor may use."""
    (picture,) = _FENCE.findall(section(ARCHITECTURE, "The floors"))
    drawn, above = set(), ""
    for line in picture[1].splitlines():
        if folder := re.match(r"( *)(\w+)/ ", line):
            above = folder[2] if not folder[1] else above
            drawn.add(f"{above}/{folder[2]}" if folder[1] else above)
            drawn.update(f"{above}/{folder[2]}/{inner}" for inner in re.findall(r";  (\w+)/", line))
    package = ROOT / "ftpcli"
    assert drawn == {path.parent.relative_to(package).as_posix() for path in package.glob("*/**/__init__.py")}
    modules = {path.stem for path in package.glob("*.py") if not path.stem.startswith("_")}
    assert set(picture[1].splitlines()[-1].split()[: len(modules)]) == modules


def test_environment_variables() -> None:
    texts = [path.read_text("utf-8") for path in (*sources("ftpcli"), *sources("tests"), ROOT / "tests" / "run")]
    known = {name for text in texts for name in re.findall(r"\bFTPCLI_[A-Z]+(?:_[A-Z]+)*", text)}
    named = {name for page in PAGES for name in re.findall(r"\bFTPCLI_[A-Z_]+", text_of(page))}
    assert named <= known
    ours = {name for path in sources("ftpcli") for name in re.findall(r'"(FTPCLI_[A-Z_]+)"', path.read_text("utf-8"))}
    assert ours <= named
    assert all(name in plain(ROOT / "man" / "ftpcli.1") for name in ours)


# What the program says


@functools.cache
def said() -> tuple[str, ...]:
    """Every text in the program's source; NUL stands for what is put in."""
    found = []
    for path in sources("ftpcli"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.append("".join(str(getattr(part, "value", "\0")) if isinstance(part, ast.Constant) else "\0"
                                     for part in node.values))  # fmt: skip
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return tuple(found)


def quotations() -> Iterator[str]:
    """What the first columns of troubleshooting's tables quote; … stands for what differs from case to case."""
    told = False
    for cell, *_ in rows(text_of(ROOT / "docs" / "troubleshooting.md")):
        if cell.startswith("what it says"):
            told = True
        elif told:
            yield from re.findall(r"`([^`]{4,})`", cell)


def test_quoted_messages_are_those_of_the_program() -> None:
    quoted = list(quotations())
    assert len(quoted) > 40
    parts = {part.strip() for quote in quoted for part in quote.split("…")}
    assert [part for part in parts if not any(part in text for text in said())] == []


def test_figures_are_those_of_the_benchmarks() -> None:
    figures = rows(section(ROOT / "README.md", "Beside other tools"))[1:]
    measured = rows(section(BENCHMARKS, "FTPS"))
    assert figures
    assert [row for row in figures if row not in measured] == []


# JSON lines

_OF_EVERY_EVENT = {"v", "event", "time"}


def full(kind: Any) -> Any:
    """A value of a type, with everything in it that may be missing."""
    kinds = [one for one in typing.get_args(kind) if one is not type(None)]
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return full(kinds[0])
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return kind(**{field.name: full(hints[field.name]) for field in dataclasses.fields(kind) if field.init})
    return {str: "x", int: 1, float: 1.0, bool: True}.get(kind) or (typing.get_origin(kind) or kind)()


RECORDS = {record["event"]: record for record in (as_record(full(kind), 0.0) for kind in typing.get_args(events.Event))}


def fields_told(heading: str) -> dict[str, str]:
    """Field → what the page says about it."""
    return {row[0].strip("`"): row[1] for row in rows(section(AUTOMATION, heading)) if row[0].startswith("`")}


def test_every_event_has_its_section() -> None:
    found = re.findall(r"^### (.+)$", prose(AUTOMATION).partition("\n## JSON lines\n")[2], re.MULTILINE)
    assert found == [*RECORDS, "Lines of ls"]


@pytest.mark.parametrize("event", RECORDS)
def test_events_have_the_fields_that_are_told(event: str) -> None:
    record, told = RECORDS[event], fields_told(event)
    assert set(told) == set(record) - _OF_EVERY_EVENT
    for name, value in record.items():
        if isinstance(value, dict):
            assert set(re.findall(r"`(\w+)`", told[name])) == set(value)


@pytest.mark.parametrize("event", RECORDS)
def test_the_man_page_tells_of_the_fields(event: str) -> None:
    text = plain(ROOT / "man" / "ftpcli.1").partition(".SH JSON LINES")[2].partition(".SH ")[0]
    told = re.search(rf"^\.B {event}\n(.*?)(?=^\.)", text, re.MULTILINE | re.DOTALL)
    assert told is not None
    missing = [name for name in set(RECORDS[event]) - _OF_EVERY_EVENT if not re.search(rf"\b{name}\b", told[1])]
    assert missing == []


def test_example_lines_are_events() -> None:
    lines = [line for block in blocks(AUTOMATION, "json") for line in block.splitlines()]
    assert lines
    for record in map(json.loads, lines):
        assert set(record) <= set(RECORDS[record["event"]])
        assert set(record) >= _OF_EVERY_EVENT


def test_lines_of_ls_have_the_fields_that_are_told() -> None:
    entry = Entry("\udcff", Kind.LINK, size=1, mtime=1.0, mode=0o644, owner="o", group="g", target="t")
    assert set(fields_told("Lines of ls")) == set(json.loads(json_line(entry.name, entry)))
