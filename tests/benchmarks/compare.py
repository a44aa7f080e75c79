"""ftpcli beside lftp, curl and rclone, against one server, in one run.

    python -m tests.benchmarks.compare [--server vsftpd] [--tls explicit] [--runs 3] [--only big-get,small-get] ...

Every tool does the same work in turn (A B C A B C …); the medians are printed, and the ratio of each tool's median to
ftpcli's. Whole processes are timed, start-up included. A tool that is not on PATH or fails is named, not hidden.
Figures depend on the machine: only the ratios within one run say anything.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.measured import run_measured
from tests.servers.real import Running, Setup, started

WORKERS = 4


@dataclass
class Work:
    """One thing every tool is asked to do: ``commands`` by tool, ``check`` looks at the result."""

    name: str
    amount: float
    unit: str
    commands: dict[str, list[str]]
    reset: Callable[[], None]
    check: Callable[[], bool]
    env: dict[str, str] = field(default_factory=dict)


@dataclass
class Timing:
    seconds: list[float] = field(default_factory=list)
    peak_kib: int = 0
    trouble: str = ""


def measure(work: Work, runs: int) -> dict[str, Timing]:
    timings = {tool: Timing() for tool in work.commands}
    for _ in range(runs):
        for tool, command in work.commands.items():
            timing = timings[tool]
            if timing.trouble:
                continue
            if shutil.which(command[0]) is None:
                timing.trouble = "not installed"
                continue
            work.reset()
            began = time.perf_counter()
            try:
                ended, usage = run_measured(command, work.env)
            except subprocess.TimeoutExpired:
                timing.trouble = "took too long"
                continue
            seconds = time.perf_counter() - began
            if ended.returncode or not work.check():
                words = (ended.stderr or ended.stdout).strip().splitlines()
                timing.trouble = f"failed, exit {ended.returncode}: {words[-1][:100] if words else 'result differs'}"
                continue
            timing.seconds.append(seconds)
            timing.peak_kib = max(timing.peak_kib, usage)
    return timings


def report(work: Work, timings: dict[str, Timing]) -> None:
    print(f"\n{work.name} ({work.amount:g} {work.unit})")
    ours = statistics.median(timings["ftpcli"].seconds) if timings["ftpcli"].seconds else None
    for tool, timing in timings.items():
        if timing.trouble:
            print(f"  {tool:16} {timing.trouble}")
            continue
        middle = statistics.median(timing.seconds)
        spread = f"{min(timing.seconds):.3f}–{max(timing.seconds):.3f} s"
        ratio = f"{middle / ours:5.2f} × ftpcli's time" if ours else ""
        rate = f"{work.amount / middle:9.1f} {work.unit}/s"
        print(f"  {tool:16} {middle:7.3f} s ({spread})  {rate}  {timing.peak_kib / 1024:5.0f} MiB  {ratio}")


class Bench:
    """The server, the folders and the command lines."""

    def __init__(self, server: Running, folder: Path, megabytes: int, files: int) -> None:
        self.server = server
        self.folder = folder
        self.megabytes = megabytes
        self.files = files
        self.local = folder / "local"
        self.began = time.time()
        # With the byte code of our modules kept from run to run, as after an installation.
        kept = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "byte-code")}
        self.env = {"FTPCLI_PASSWORD": server.password, "LFTP_PASSWORD": server.password, **kept}
        self.url = server.url
        tls = server.tls
        self._curl = ["curl", "-sS", "--cacert", str(server.cafile), "-u", f"{server.user}:{server.password}"]
        if tls == "explicit":
            self._curl.append("--ssl-reqd")
        scheme = "ftps" if tls == "implicit" else "ftp"
        self.peer_url = f"{scheme}://{server.host}:{server.port}/"
        force = "true" if tls == "explicit" else "false"
        self._lftp_settings = (
            f"set ssl:ca-file {server.cafile}; set ftp:ssl-force {force}; set ftp:ssl-protect-data true; "
            f"set ftp:ssl-allow {'false' if tls == 'none' else 'true'}; set net:max-retries 2; "
            f"open -u {server.user},{server.password} {self.peer_url}; "
        )
        self._rclone = (
            f":ftp,host={server.host},port={server.port},user={server.user},no_check_certificate=true,"
            f"explicit_tls={'true' if tls == 'explicit' else 'false'},tls={'true' if tls == 'implicit' else 'false'},"
            f"concurrency={WORKERS * 2},pass={self._obscured()}:"
        )

    def _obscured(self) -> str:
        if shutil.which("rclone") is None:
            return ""
        return subprocess.run(
            ["rclone", "obscure", self.server.password], capture_output=True, text=True, check=True
        ).stdout.strip()

    def ftpcli(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "ftpcli", words[0], "-q", "--cafile", str(self.server.cafile), *words[1:]]

    def lftp(self, script: str) -> list[str]:
        return ["lftp", "-c", self._lftp_settings + script]

    def fill(self) -> None:
        big = self.server.root / "big.bin"
        block = os.urandom(1 << 20)
        with big.open("wb") as file:
            for _ in range(self.megabytes):
                file.write(block)
        self.local.mkdir()
        shutil.copy(big, self.local / "big.bin")
        for tree in (self.server.root / "tree", self.folder / "tree"):
            for number in range(self.files):
                path = tree / f"d{number // 200}" / f"f{number}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"x" * (number % 4096))
                # Of what changed within the last hour ftpcli asks vsftpd for the exact time.
                os.utime(path, (self.began - 86_400,) * 2)
        self.server.own()

    def works(self) -> Iterator[Work]:
        yield self._big_get()
        yield self._big_put()
        yield self._small_get()
        yield self._small_put()

    def _big_get(self) -> Work:
        target = self.folder / "got.bin"
        return Work(
            "big-get",
            self.megabytes,
            "MiB",
            {
                "ftpcli": self.ftpcli("get", self.url + "big.bin", "-o", str(target)),
                "curl": [*self._curl, self.peer_url + "big.bin", "-o", str(target)],
                "lftp": self.lftp(f"get big.bin -o {target}"),
                "rclone": ["rclone", "copyto", self._rclone + "big.bin", str(target)],
            },
            lambda: target.unlink(missing_ok=True),
            lambda: target.stat().st_size == self.megabytes << 20,
            self.env,
        )

    def _big_put(self) -> Work:
        source, target = self.local / "big.bin", self.server.root / "put.bin"
        return Work(
            "big-put",
            self.megabytes,
            "MiB",
            {
                "ftpcli": self.ftpcli("put", str(source), self.url + "put.bin"),
                "curl": [*self._curl, "-T", str(source), self.peer_url + "put.bin"],
                "lftp": self.lftp(f"put {source} -o put.bin"),
                "rclone": ["rclone", "copyto", str(source), self._rclone + "put.bin"],
            },
            lambda: target.unlink(missing_ok=True),
            lambda: target.stat().st_size == self.megabytes << 20,
            self.env,
        )

    def _small_get(self) -> Work:
        target = self.folder / "got"
        return Work(
            f"small-get, {WORKERS} workers",
            self.files,
            "files",
            {
                "ftpcli": self.ftpcli("mirror", "--parallel", str(WORKERS), self.url + "tree", str(target)),
                "lftp": self.lftp(f"mirror --parallel={WORKERS} tree {target}"),
                "rclone": ["rclone", "copy", f"--transfers={WORKERS}", self._rclone + "tree", str(target)],
            },
            lambda: shutil.rmtree(target, ignore_errors=True),
            lambda: _count(target) == self.files,
            self.env,
        )

    def _small_put(self) -> Work:
        source, target = self.folder / "tree", self.server.root / "up"
        return Work(
            f"small-put, {WORKERS} workers",
            self.files,
            "files",
            {
                "ftpcli": self.ftpcli("mirror", "--parallel", str(WORKERS), str(source), self.url + "up"),
                "lftp": self.lftp(f"mirror -R --parallel={WORKERS} {source} up"),
                "rclone": ["rclone", "copy", f"--transfers={WORKERS}", str(source), self._rclone + "up"],
            },
            lambda: shutil.rmtree(target, ignore_errors=True),
            lambda: _count(target) == self.files,
            self.env,
        )


def _count(folder: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="vsftpd", choices=("vsftpd", "proftpd", "pureftpd"))
    parser.add_argument("--tls", default="explicit", choices=("none", "explicit", "implicit"))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--only", default="", help="work by the start of its name, comma-separated")
    parser.add_argument("--tools", default="ftpcli,curl,lftp,rclone")
    options = parser.parse_args()
    memory = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    tools = options.tools.split(",")
    with (
        tempfile.TemporaryDirectory(prefix="ftpcli-bench-", dir=memory) as folder,
        started(Setup(options.server, tls=options.tls), base=memory) as server,
    ):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        bench = Bench(server, Path(folder), options.megabytes, options.files)
        bench.fill()
        print(f"{options.server}, TLS {options.tls}, {options.runs} runs each, loopback")
        for work in bench.works():
            if any(work.name.startswith(start) for start in options.only.split(",")):
                work.commands = {tool: words for tool, words in work.commands.items() if tool in tools}
                report(work, measure(work, options.runs))


if __name__ == "__main__":
    main()
