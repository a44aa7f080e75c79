"""One cell: a command against a profile."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.matrix import trees
from tests.matrix.commands import Command, older_times
from tests.matrix.law import REFUSED, RIGHT, World, judge
from tests.matrix.places import Place, serving
from tests.matrix.program import Ran, run
from tests.servers.profiles import FtpProfile, SftpProfile


def outcome(profile: FtpProfile | SftpProfile, command: Command, *options: str) -> tuple[str, str]:
    """RIGHT, REFUSED, or what is wrong; and what the program said. ``options`` go behind the command's own."""
    with tempfile.TemporaryDirectory(prefix="matrix-") as name, serving(profile, {}) as place:
        folder, root = Path(name), Path(name, "local")
        root.mkdir()
        for path, value in command.remote.items():
            times = older_times(command.remote) if command.local else {}
            place.write(path, value, times.get(path, trees.OLD))
        uploads = command.remote is not None and "site/stale" in command.local
        trees.put(root, command.local, older_times(command.local) if uploads else {})
        verdicts, said = [], ""
        for round_ in (1, 2):
            verdict, ran = _round(profile, command, place, folder, root, options)
            verdicts.append(verdict)
            said += f"{ran.stdout[:300]!r}\n{ran.stderr}"
            if command.changes is None or verdict not in (RIGHT, REFUSED):
                break
            if round_ == 1:
                command.changes(place, root)
    wrong = [verdict for verdict in verdicts if verdict not in (RIGHT, REFUSED)]
    if wrong:
        return f"run {len(verdicts)}: {wrong[0]}", said
    return (REFUSED if REFUSED in verdicts else RIGHT), said


def _round(
    profile: FtpProfile | SftpProfile,
    command: Command,
    place: Place,
    folder: Path,
    root: Path,
    options: tuple[str, ...],
) -> tuple[str, Ran]:
    before = World(trees.read(root), place.tree())
    expected = command.expected(before, place)
    if command.cut:
        place.cut_once()
    ran = run(folder, *command.typed(place, root), *options)
    remote = place.tree()
    if profile.takes_away:
        remote = {**place.taken(), **remote}
    verdict = judge(before, expected, World(trees.read(root), remote), ran.code, profile.names)
    if place.runaway:
        verdict = "the program asked without end"
    if command.prints is not None and verdict in (RIGHT, REFUSED):
        verdict = _judge_output(command.prints(before), ran) or verdict
    return verdict, ran


def _judge_output(wanted: bytes | set[str], ran: Ran) -> str:
    if isinstance(wanted, bytes):
        good = ran.stdout == wanted if ran.code == 0 else wanted.startswith(ran.stdout[: len(wanted)])
    else:
        lines = set(ran.stdout.decode("utf-8", "surrogateescape").splitlines())
        good = lines == wanted if ran.code == 0 else lines <= wanted
    return "" if good else f"exit {ran.code}, printed {ran.stdout[:200]!r}"
