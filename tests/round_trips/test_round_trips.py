"""Every command against each real server, judged by the law of the matrix, and with no refusal where none is due."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.matrix import trees
from tests.matrix.law import RIGHT, World, judge
from tests.matrix.program import Ran, run
from tests.matrix.trees import Tree, below, without
from tests.round_trips.sides import SERVERS, Side, side
from tests.servers.scripted.name_rules import EXACT

# What a server does that ftpcli has no answer to yet; strict, so that the answer shows.
NOT_YET: dict[str, str] = {
    "vsftpd, cmds_denied=EPSV": "EPSV is answered 550, and PASV is not tried",
    "vsftpd, cmds_denied=RNFR,RNTO": "RNFR is answered 550, so existing files are replaced by --in-place only",
    "Pure-FTPd, NoRename": "RNTO is answered 550, so existing files are replaced by --in-place only",
    "ProFTPD, <Limit MLSD MLST>": "MLST is announced and answered 550: a directory that is there counts as missing",
    "aioftp": "SIZE is answered 502: files that are there count as missing, and RNTO does not replace them",
}
WRITE_BACK = 20.0  # seconds for which a cache may hold back what it has confirmed


class Round:
    """One server, one local folder, and the program between them."""

    def __init__(self, where: Side, folder: Path) -> None:
        self.where = where
        self.folder = folder
        self.local = folder / "local"
        self.site = without(trees.site(), "site/docs/.hidden") if where.no_dot_names else trees.site()
        trees.put(self.local, {**self.site, **trees.stranger()}, {})
        trees.put(where.root, {**trees.older_site(), **trees.stranger()}, {})
        os.utime(where.root / "site/same.txt", (trees.OLD,) * 2)
        where.own()

    def url(self, path: str) -> str:
        return self.where.home + quote(path)

    def worlds(self) -> World:
        return World(trees.read(self.local), trees.read(self.where.root))

    def right(self, *arguments: str, local: Tree | None = None, remote: Tree | None = None) -> Ran:
        """Runs the program; both sides must then be what is given, or as they were."""
        before = self.worlds()
        expected = World(before.local if local is None else local, before.remote if remote is None else remote)
        ran = run(self.folder, *arguments, *self.where.options, password=self.where.server.password)
        verdict = judge(before, expected, self.worlds(), ran.code, EXACT)
        deadline = time.monotonic() + (WRITE_BACK if self.where.writes_back else 0.0)
        while verdict != RIGHT and ran.code == 0 and time.monotonic() < deadline:
            time.sleep(0.02)
            verdict = judge(before, expected, self.worlds(), ran.code, EXACT)
        assert verdict == RIGHT, f"{arguments}: {verdict}\n{ran.stderr}"
        return ran


@pytest.fixture(params=[pytest.param(name, id=name) for name in SERVERS])
def round_(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Round]:
    if request.param in NOT_YET:
        request.applymarker(pytest.mark.xfail(reason=NOT_YET[request.param], strict=True))
    with side(request.param, tmp_path) as where:
        yield Round(where, tmp_path)


def test_there_and_back(round_: Round) -> None:
    local, site, home = round_.local, below(round_.site, "site"), trees.stranger()
    over = {**without(round_.worlds().remote, "site/index.html"), "site/index.html": site["site/index.html"]}
    round_.right("put", str(local / "site/index.html"), round_.url("site/index.html"), remote=over)
    for _ in ("first", "second"):
        round_.right("mirror", "--delete", str(local / "site"), round_.url("site"), remote={**home, **site})
    listed = round_.right("ls", "-a", "-R", round_.url("site")).stdout.decode()
    assert set(listed.splitlines()) == {path.removeprefix("site/") for path in site if path != "site"}
    assert round_.right("cat", round_.url("site/docs/a.txt")).stdout == site["site/docs/a.txt"]
    away = without(round_.worlds().remote, "site/docs")
    round_.right("rm", "-r", round_.url("site/docs"), remote=away)
    for _ in ("first", "second"):
        source = below(away, "site")
        round_.right("mirror", "--delete", round_.url("site"), str(local / "site"), local={**home, **source})
    got = {f"got/{path}": value for path, value in source.items()}
    (local / "got").mkdir()
    round_.right(
        "get", "-r", round_.url("site"), "-d", str(local / "got"), local={**home, **source, "got": None, **got}
    )
