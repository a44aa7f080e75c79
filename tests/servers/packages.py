"""Finds the FTP and SSH servers that the tests talk to, without installing anything.

The FTP servers conflict with each other as Debian packages, and a test run has no business installing daemons. So the
packages are downloaded with `apt-get download` and unpacked with `dpkg -x` into a cache folder, as an ordinary user if
need be. Machines without apt use what is on the PATH. Nothing happens at import time.

    python -m tests.servers.packages      fetches all of them and says what it found
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest


@dataclass(frozen=True)
class Program:
    """Where one server comes from: its Debian packages, the first of which people would install, and its file."""

    packages: tuple[str, ...]
    executable: str


PROGRAMS = {
    "vsftpd": Program(("vsftpd",), "usr/sbin/vsftpd"),
    # mod_tls, mod_sftp and mod_digest are in the second package (in the first on older releases).
    "proftpd": Program(("proftpd-core", "proftpd-mod-crypto"), "usr/sbin/proftpd"),
    "pureftpd": Program(("pure-ftpd",), "usr/sbin/pure-ftpd"),
    "sshd": Program(("openssh-server",), "usr/sbin/sshd"),
    "dropbear": Program(("dropbear-bin", "openssh-sftp-server", "libnss-wrapper"), "usr/sbin/dropbear"),
    "rclone": Program(("rclone",), "usr/bin/rclone"),
    # No server, but what makes keys for one.
    "ssh-keygen": Program(("openssh-client",), "usr/bin/ssh-keygen"),
}
STAMP = ".complete"
SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"  # not on an ordinary user's PATH, yet where servers live


@dataclass(frozen=True)
class ServerBinary:
    """One server that can be started: `env` goes on top of the environment, `tree` is the unpacked packages' root."""

    path: Path
    env: dict[str, str]
    tree: Path

    def beside(self, name: str) -> Path | None:
        """A file of the same packages, such as `usr/bin/pure-pw`."""
        found = self.tree / name
        return found if found.exists() else None

    def moved(self, tree: Path) -> ServerBinary:
        """The same server in a copy of its tree."""
        return binary_in(tree, str(self.path.relative_to(self.tree)))


def cache_folder() -> Path:
    """Where downloads are kept between runs; may be deleted at any time."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ftpcli-tests"


@functools.cache
def find(program: str) -> ServerBinary | None:
    """The server called `program`: from the cache, from Debian's archive, or from the PATH, in that order."""
    wanted = PROGRAMS[program]
    tree = cache_folder() / "servers" / program
    if not (tree / STAMP).exists() and shutil.which("apt-get") and shutil.which("dpkg"):
        try:
            _fetch(wanted, tree)
        except (OSError, subprocess.SubprocessError) as error:
            print(f"{program}: cannot fetch {' '.join(wanted.packages)}: {_reason(error)}", file=sys.stderr)
    if (tree / STAMP).exists():
        return binary_in(tree, wanted.executable)
    on_path = shutil.which(Path(wanted.executable).name, path=f"{os.environ.get('PATH', '')}:{SYSTEM_FOLDERS}")
    return ServerBinary(Path(on_path), {}, Path("/")) if on_path else None


def require(program: str) -> ServerBinary:
    """Like `find`; skips the calling test where there is none, or fails it under FTPCLI_REQUIRE_SERVERS=1."""
    found = find(program)
    if found is None:
        unavailable(f"{program} is not installed (Debian package {PROGRAMS[program].packages[0]})")
    return found


def openssh_tool(name: str) -> str:
    """The path of ssh-keygen or ssh-agent: on the PATH, or from Debian's archive."""
    found = shutil.which(name)
    if found is None:
        beside = require("ssh-keygen").beside(f"usr/bin/{name}")
        if beside is None:
            unavailable(f"{name} is not installed (Debian package openssh-client)")
        found = str(beside)
    return found


def unavailable(reason: str) -> NoReturn:
    """Ends the calling test as skipped, or as failed under FTPCLI_REQUIRE_SERVERS=1 (set in CI)."""
    if os.environ.get("FTPCLI_REQUIRE_SERVERS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def binary_in(tree: Path, executable: str) -> ServerBinary:
    """The server in an unpacked tree, with the library folders of that tree on its LD_LIBRARY_PATH."""
    return ServerBinary(tree / executable, _library_path(tree), tree)


def _fetch(wanted: Program, tree: Path) -> None:
    """Downloads and unpacks packages and the libraries they miss. `tree` appears whole, in one rename."""
    tree.parent.mkdir(parents=True, exist_ok=True)
    with _locked(tree.with_suffix(".lock")):
        if (tree / STAMP).exists():
            return
        with tempfile.TemporaryDirectory(dir=tree.parent, prefix=".unpack-") as scratch:
            fresh = Path(scratch, "tree")
            _unpack(wanted.packages, fresh)
            tried: set[str] = set()
            while missing := _missing_libraries(fresh) - tried:
                tried |= missing
                for soname in sorted(missing):
                    _unpack_library(soname, fresh)
            if not (fresh / wanted.executable).exists():
                raise OSError(f"no {wanted.executable} in {' '.join(wanted.packages)}")
            fresh.chmod(0o755)
            (fresh / STAMP).touch()
            shutil.rmtree(tree, ignore_errors=True)
            fresh.rename(tree)


def _unpack(packages: tuple[str, ...], tree: Path) -> None:
    tree.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=tree.parent) as folder:
        _apt_download(packages, Path(folder))
        for package in sorted(Path(folder).glob("*.deb")):
            _run("dpkg", "-x", str(package), str(tree))


def _unpack_library(soname: str, tree: Path) -> None:
    """Fetches the package of a shared library, named after it by Debian's policy: libpcre2-posix.so.3 is in
    libpcre2-posix3, libgssapi_krb5.so.2 in libgssapi-krb5-2, and newer releases append t64 to some."""
    match = re.fullmatch(r"(.+)\.so\.([\d.]+)", soname)
    if not match:
        return
    stem, version = match[1].lower().replace("_", "-"), match[2]
    name = f"{stem}-{version}" if stem[-1].isdigit() else stem + version
    for candidate in (name, f"{name}t64"):
        with contextlib.suppress(subprocess.CalledProcessError):
            _unpack((candidate,), tree)
            return


def _missing_libraries(tree: Path) -> set[str]:
    """Shared libraries that the programs and modules of `tree` want and neither it nor the system has."""
    files = [
        *tree.glob("usr/sbin/*"),
        *tree.glob("usr/bin/pure-*"),
        *tree.glob("usr/bin/ssh-[ka]*"),
        *tree.glob("usr/lib/proftpd/mod_*.so"),
    ]
    env = os.environ | _library_path(tree) | {"LC_ALL": "C"}
    missing: set[str] = set()
    for file in files:
        listing = subprocess.run(["ldd", str(file)], env=env, capture_output=True, text=True, check=False)
        missing.update(re.findall(r"^\s*(\S+) => not found", listing.stdout, re.MULTILINE))
    return missing


def _library_path(tree: Path) -> dict[str, str]:
    folders = sorted(
        {str(file.parent) for part in ("lib", "usr/lib") for file in (tree / part).glob("*-linux-*/*.so*")}
    )
    return {"LD_LIBRARY_PATH": ":".join(folders)} if folders else {}


def _apt_download(packages: tuple[str, ...], folder: Path) -> None:
    """Downloads with the machine's package lists; where those are missing or out of date, with private ones."""
    try:
        _run("apt-get", *_apt_options(None), "download", *packages, cwd=folder)
    except subprocess.CalledProcessError:
        private = _private_lists()
        _run("apt-get", *_apt_options(private), "download", *packages, cwd=folder)


@functools.cache
def _private_lists() -> Path:
    """A state folder of our own with fresh package lists: needs no root and leaves the machine's lists alone."""
    private = cache_folder() / "apt"
    for part in ("state/lists/partial", "cache/archives/partial"):
        (private / part).mkdir(parents=True, exist_ok=True)
    with _locked(private / ".lock"):
        _run("apt-get", *_apt_options(private), "update")
    return private


def _apt_options(private: Path | None) -> list[str]:
    options = ["Acquire::Retries=2", "Acquire::http::Timeout=20", "APT::Sandbox::User=root"]
    if private:
        options += [f"Dir::State={private}/state", f"Dir::Cache={private}/cache"]
        options += ["Dir::State::status=/var/lib/dpkg/status"]
    return ["-q", *(part for option in options for part in ("-o", option))]


def _run(*command: str, cwd: Path | None = None) -> None:
    env = os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    pipe = subprocess.PIPE
    subprocess.run(
        command,
        cwd=cwd,
        env=env,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        text=True,
        timeout=300,
    )


def _reason(error: Exception) -> str:
    words = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
    return " ".join(str(words).split())[:500]


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds a lock file, so that two test runs at the same time do not unpack over each other."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Fetches every server. Exit status 1 when one is missing, so that CI can see it."""
    missing = 0
    for program in PROGRAMS:
        found = find(program)
        missing += found is None
        print(f"{program}: {found.path if found else 'not available'}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
