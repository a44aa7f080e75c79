"""Dropbear with OpenSSH's sftp-server, as an ordinary user: small windows, and no program of its own behind them.

It lets that user in whose home folder has the key. nss_wrapper gives him one, in the server's own folder; the key's
``command=`` names the sftp-server of the unpacked package, for Dropbear looks for one in /usr/lib alone.
"""

from __future__ import annotations

import os
import subprocess

from tests.servers.packages import unavailable
from tests.servers.recipes import keys
from tests.servers.recipes.recipe import Place, Recipe, Setup, refuse

WRAPPER = "libnss_wrapper.so"


def recipe(setup: Setup, place: Place) -> Recipe:
    refuse(setup, limits=bool(setup.max_clients or setup.max_per_ip), mlsd=not setup.mlsd)
    tree, account = place.binary.tree, place.account
    identity = keys.make(place.file, "identity")
    ssh = place.folder / ".ssh"
    ssh.mkdir(exist_ok=True)
    account.own(ssh, 0o700)
    place.file(".ssh/authorized_keys", f'command="{_below(place, "sftp-server")}" {keys.public(identity)}\n')
    passwd = place.file("passwd", f"{account.user}:x:{account.uid}:{account.gid}::{place.folder}:/bin/sh\n")
    group = place.file("group", f"{account.group}:x:{account.gid}:\n")
    host_key, public = _host_key(place)
    address = f"[{setup.host}]" if setup.ipv6 else setup.host
    argv = ["env", f"LD_PRELOAD={_below(place, WRAPPER)}", f"NSS_WRAPPER_PASSWD={passwd}"]
    argv += [f"NSS_WRAPPER_GROUP={group}", str(tree / "usr/sbin/dropbear"), "-F", "-E", "-s", "-j", "-k"]
    argv += ["-r", host_key, "-p", f"{address}:{place.port}", "-P", str(place.folder / "dropbear.pid")]
    argv += ["-I", str(setup.idle_timeout)] if setup.idle_timeout else []
    known_hosts = place.file("known_hosts", f"[{setup.host}]:{place.port} {public}\n")
    return Recipe([*argv, *setup.extra], user=account.user, password="", identity=identity, known_hosts=known_hosts)


def _below(place: Place, name: str) -> str:
    """Where the unpacked packages have a file: the folder is named after the machine's kind."""
    found = next((path for path in (place.binary.tree / "usr/lib").rglob(name) if path.is_file()), None)
    if found is None:
        unavailable(f"{name} is not installed beside Dropbear")
    return str(found)


def _host_key(place: Place) -> tuple[str, str]:
    """In Dropbear's own format; and its public key."""
    path = place.folder / "host_key"
    path.unlink(missing_ok=True)
    tool = str(place.binary.tree / "usr/bin/dropbearkey")
    made = subprocess.run(
        [tool, "-t", "ed25519", "-f", str(path)],
        env=os.environ | place.binary.env,
        capture_output=True,
        text=True,
        check=True,
    )
    place.account.own(path, 0o600)
    public = next(line for line in made.stdout.splitlines() if line.startswith("ssh-ed25519 "))
    return str(path), " ".join(public.split()[:2])
