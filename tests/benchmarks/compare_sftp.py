"""ftpcli beside OpenSSH's sftp, lftp and rclone, against one sshd, in one run.

    python -m tests.benchmarks.compare_sftp [--runs 3] [--megabytes 1024] [--only big-get,small-get] ...
    python -m tests.benchmarks.compare_sftp --latency 50 --megabytes 256

See ``compare`` for what is measured and how, and ``line`` for what is between client and server with a latency.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.compare import WORKERS, Work, measure, report
from tests.benchmarks.line import slow_line
from tests.servers.real import Running, Setup, started


class Bench:
    """The server, the folders and the command lines."""

    def __init__(self, server: Running, folder: Path, megabytes: int, files: int) -> None:
        self.server = server
        self.folder = folder
        self.megabytes = megabytes
        self.files = files
        self.up = server.root / "up"
        self.got = folder / "got"
        known_hosts, identity = str(server.known_hosts), str(server.identity)
        self._ours = ["--known-hosts", known_hosts, "--identity", identity, "--no-agent", "--ssh-config", "none"]
        self._options = ["-F", "none", "-o", f"UserKnownHostsFile={known_hosts}", "-o", "IdentitiesOnly=yes"]
        self._options += ["-i", identity]
        # Digests would be asked for by running programs on the server, which none of the others do.
        self._remote = (
            f":sftp,host={server.host},port={server.port},user={server.user},key_file={identity},"
            f"known_hosts_file={known_hosts},shell_type=none,disable_hashcheck=true:{server.root}/"
        )
        # As after an installation: Python's byte code is kept.
        self._env = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "byte-code")}

    def ftpcli(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "ftpcli", words[0], "-q", *self._ours, *words[1:]]

    def sftp(self, script: str) -> list[str]:
        batch = self.folder / f"batch-{script.partition(' ')[0]}"
        batch.write_text(f"{script}\n")
        place = f"{self.server.user}@{self.server.host}"
        return ["sftp", "-q", *self._options, "-P", str(self.server.port), "-b", str(batch), place]

    def lftp(self, script: str) -> list[str]:
        program = f"ssh -a -x {' '.join(self._options)}"
        place = f"open -u {self.server.user},none -p {self.server.port} sftp://{self.server.host}"
        return ["lftp", "-c", f"set sftp:connect-program '{program}'; {place}; cd {self.server.root}; {script}"]

    def rclone(self, *words: str) -> list[str]:
        return ["rclone", words[0], "--config=", f"--transfers={WORKERS}", *words[1:]]

    def warm_up(self) -> None:
        """Have the byte code written."""
        command = self.ftpcli("mirror", f"{self.server.url}tree/d0", str(self.folder / "warm"))
        subprocess.run(command, env=os.environ | self._env, check=True)

    def fill(self) -> None:
        block = os.urandom(1 << 20)
        for big in (self.server.root / "big.bin", self.folder / "big.bin"):
            with big.open("wb") as file:
                for _ in range(self.megabytes):
                    file.write(block)
        for tree in (self.server.root / "tree", self.folder / "tree"):
            for number in range(self.files):
                path = tree / f"d{number // 200}" / f"f{number}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"x" * (number % 4096))
        self.server.own()

    def works(self) -> Iterator[Work]:
        source, tree, url = self.folder / "big.bin", self.folder / "tree", self.server.url
        workers = ("--parallel", str(WORKERS))
        yield self._big(
            "big-get",
            self.got,
            {
                "ftpcli": self.ftpcli("get", f"{url}big.bin", "-o", str(self.got)),
                "sftp": self.sftp(f"get big.bin {self.got}"),
                "lftp": self.lftp(f"get big.bin -o {self.got}"),
                "rclone": self.rclone("copyto", f"{self._remote}big.bin", str(self.got)),
            },
        )
        yield self._big(
            "big-put",
            self.up,
            {
                "ftpcli": self.ftpcli("put", str(source), f"{url}up"),
                "sftp": self.sftp(f"put {source} up"),
                "lftp": self.lftp(f"put {source} -o up"),
                "rclone": self.rclone("copyto", str(source), f"{self._remote}up"),
            },
        )
        yield self._small(
            "small-get",
            self.got,
            {
                "ftpcli": self.ftpcli("mirror", *workers, f"{url}tree", str(self.got)),
                "sftp": self.sftp(f"get -r tree {self.got}"),
                "lftp": self.lftp(f"mirror --parallel={WORKERS} tree {self.got}"),
                "rclone": self.rclone("copy", f"{self._remote}tree", str(self.got)),
            },
        )
        yield self._small(
            "small-put",
            self.up,
            {
                "ftpcli": self.ftpcli("mirror", *workers, str(tree), f"{url}up"),
                "sftp": self.sftp(f"put -r {tree} up"),
                "lftp": self.lftp(f"mirror -R --parallel={WORKERS} {tree} up"),
                "rclone": self.rclone("copy", str(tree), f"{self._remote}up"),
            },
        )

    def _big(self, name: str, target: Path, commands: dict[str, list[str]]) -> Work:
        def whole() -> bool:
            return target.stat().st_size == self.megabytes << 20

        return Work(name, self.megabytes, "MiB", commands, lambda: _clear(target), whole, self._env)

    def _small(self, name: str, target: Path, commands: dict[str, list[str]]) -> Work:
        def whole() -> bool:
            return sum(len(files) for _, _, files in os.walk(target)) == self.files

        return Work(
            f"{name}, {WORKERS} workers", self.files, "files", commands, lambda: _clear(target), whole, self._env
        )


def _behind(near: Running, port: int, folder: Path) -> Running:
    """The same server at the other end of a line."""
    assert near.known_hosts is not None
    known_hosts = folder / "known_hosts"
    known_hosts.write_text(near.known_hosts.read_text().replace(f":{near.port} ", f":{port} "))
    return replace(near, port=port, known_hosts=known_hosts)


def _clear(target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--latency", type=float, default=0, help="round-trip time of the line, in milliseconds")
    parser.add_argument("--only", default="", help="work by the start of its name, comma-separated")
    options = parser.parse_args()
    memory = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="ftpcli-bench-", dir=memory) as folder,
        started(Setup("sshd"), base=memory) as near,
        slow_line(near.host, near.port, options.latency / 1000) as port,
    ):
        server = _behind(near, port, Path(folder)) if options.latency else near
        bench = Bench(server, Path(folder), options.megabytes, options.files)
        bench.fill()
        bench.warm_up()
        line = f"a line of {options.latency:g} ms" if options.latency else "loopback"
        print(f"sshd, {options.runs} runs each, {line}")
        for work in bench.works():
            if any(work.name.startswith(start) for start in options.only.split(",")):
                report(work, measure(work, options.runs))


if __name__ == "__main__":
    main()
