"""Permissions and links by commands of which a server knows one, another or none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ftpcli.errors import NotFound, Refused, Unsupported
from ftpcli.session.contract import HostMemory
from ftpcli.session.ftp.site_commands import FileAttributes
from ftpcli.wire.ftp.listing import parse_facts_line
from ftpcli.wire.ftp.reply import Reply


class Control:
    """Answers with the code that stands for the first words of a command; 500 to what it does not know."""

    def __init__(self, **codes: int) -> None:
        self.codes = {words.replace("_", " "): code for words, code in codes.items()}
        self.asked: list[str] = []

    def ask(self, verb: str, argument: str | None = None) -> Reply:
        line = f"{verb} {argument}" if argument else verb
        self.asked.append(line)
        code = next((code for words, code in self.codes.items() if line.startswith(words)), 500)
        return Reply(code, ("said",))


@pytest.fixture
def memory() -> HostMemory:
    return HostMemory()


Make = Callable[[Control], FileAttributes]


@pytest.fixture
def make(memory: HostMemory) -> Make:
    return lambda control: FileAttributes(control, memory, frozenset({"MFF"}))  # type: ignore[arg-type]


class TestModes:
    def test_mff_first(self, make: Make) -> None:
        control = Control(MFF=213, SITE_CHMOD=200)
        assert make(control).set_mode("/ a ", 0o640)
        assert control.asked == ["MFF UNIX.mode=0640; / a "]

    def test_site_chmod_where_mff_knows_no_modes(self, make: Make) -> None:
        control = Control(MFF=504, SITE_CHMOD=200)
        assert make(control).set_mode("/a", 0o7)
        assert make(control).set_mode("/b", 0o640)
        assert control.asked == ["MFF UNIX.mode=0007; /a", "SITE CHMOD 007 /a", "SITE CHMOD 640 /b"]

    @pytest.mark.parametrize("control", [Control(), Control(SITE=550)], ids=["unknown", "every SITE is refused"])
    def test_no_way_is_remembered(self, make: Make, control: Control) -> None:
        assert make(control).set_mode("/a", 0o640) is False
        count = len(control.asked)
        assert make(control).set_mode("/b", 0o640) is False
        assert len(control.asked) == count

    def test_one_file_that_is_refused_is_not_the_server(self, make: Make, memory: HostMemory) -> None:
        control = Control(MFF=502, SITE_CHMOD=550, SITE_HELP=214)
        with pytest.raises(NotFound):
            make(control).set_mode("/a", 0o640)
        assert memory.mode_command is None


class TestLinks:
    def test_a_link(self, make: Make) -> None:
        control = Control(SITE_SYMLINK=200)
        make(control).symlink("l", "../f")
        make(control).symlink("two words", "/abs")
        assert control.asked == ["SITE SYMLINK ../f l", 'SITE SYMLINK /abs "two words"']

    @pytest.mark.parametrize("control", [Control(), Control(SITE=550)], ids=["unknown", "every SITE is refused"])
    def test_no_way_is_remembered(self, make: Make, control: Control) -> None:
        for _ in range(2):
            with pytest.raises(Unsupported, match="no command for that"):
                make(control).symlink("l", "f")
        assert sum("SYMLINK" in line for line in control.asked) == 1

    def test_a_refusal(self, make: Make) -> None:
        with pytest.raises(Refused, match="which leads to nowhere"):
            make(Control(SITE_SYMLINK=550, SITE_HELP=214)).symlink("l", "nowhere")

    # Was: `SITE SYMLINK f n 4` makes a link named n.
    @pytest.mark.parametrize(
        ("name", "target"), [("l", "two words"), ("l", 'q"'), ("l", "b\\s"), (" l", "f"), ("l ", "f"), ('"l"', "f")]
    )
    def test_what_site_would_take_apart_is_not_sent(self, make: Make, name: str, target: str) -> None:
        control = Control(SITE_SYMLINK=200)
        with pytest.raises(Unsupported, match="does not carry"):
            make(control).symlink(name, target)
        assert control.asked == []


def test_modes_in_listings() -> None:
    """pyftpdlib writes them as Python does."""
    for written in (b"0640", b"640", b"100640", b"0o640"):
        entry, _ = parse_facts_line(b"type=file;size=1;unix.mode=" + written + b"; a", "utf-8")
        assert entry is not None
        assert entry.mode == 0o640
