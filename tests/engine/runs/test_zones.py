"""A second mirror transfers nothing: servers without MLSD, in their own time zones, across a change to
daylight saving time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ftpcli.engine.job import Direction
from tests.engine.runs.test_real_servers import carry_out, endpoint, mirror
from tests.servers.real import Setup, started

HALF_A_YEAR = 182 * 86_400
NOW = int(time.time())
# Minutes ago, yesterday, before the last change of the clocks, and where LIST shows the day only.
AGES = (600, 86_400, 40 * 86_400, HALF_A_YEAR - 10 * 86_400, HALF_A_YEAR + 30 * 86_400, 900 * 86_400)


def lay_out(folder: Path) -> None:
    folder.mkdir(parents=True)
    for number, age in enumerate(AGES):
        path = folder / f"f{number}"
        path.write_bytes(b"x" * 10)
        os.utime(path, (NOW - age, NOW - age))


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata", "Europe/Berlin"])
@pytest.mark.parametrize(
    "setup",
    [
        Setup("vsftpd", extra=("use_localtime=YES",)),
        Setup("vsftpd"),
        Setup("proftpd", mlsd=False, extra=("TimesGMT off",)),
        Setup("proftpd", mlsd=False),
        Setup("proftpd"),
        Setup("pureftpd"),
    ],
    ids=["vsftpd-local", "vsftpd-utc", "proftpd-list-local", "proftpd-list-utc", "proftpd-mlsd", "pureftpd"],
)
def test_a_second_mirror_moves_nothing(
    setup: Setup, zone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    with started(setup) as server:
        lay_out(server.root / "tree")
        lay_out(tmp_path / "source")
        server.own()
        where = endpoint(server)
        down = mirror(Direction.DOWNLOAD, where, "tree", str(tmp_path / "copy"), parallel=2)
        report, _ = carry_out(down)
        assert (report.exit_code, report.transferred) == (0, len(AGES))
        report, _ = carry_out(down)
        assert (report.exit_code, report.transferred) == (0, 0)
        up = mirror(Direction.UPLOAD, where, str(tmp_path / "source"), "up", parallel=2)
        report, _ = carry_out(up)
        assert (report.exit_code, report.transferred) == (0, len(AGES))
        report, _ = carry_out(up)
        assert (report.exit_code, report.transferred) == (0, 0)
        if "use_localtime=YES" in setup.extra:
            # Its MDTM uses local time, against RFC 3659: west of Greenwich fresh files lie in the future, and LIST
            # shows only the day of such files.
            return
        # A change that keeps the size is still detected.
        changed = tmp_path / "source" / "f0"
        changed.write_bytes(b"y" * 10)
        report, _ = carry_out(up)
        assert (report.exit_code, report.transferred) == (0, 1)
        assert (server.root / "up/f0").read_bytes() == b"y" * 10
