"""Pure-FTPd with a user database of its own. Debian's build wants root (it changes root and user at every login) and
knows no implicit TLS, which is an option of its compilation: `-Y 3` only makes encrypted data connections a must."""

from __future__ import annotations

import os
import subprocess

from tests.servers.recipes.recipe import PASSWORD_HASH, USER, Place, Recipe, Setup, refuse


def recipe(setup: Setup, place: Place) -> Recipe:
    refuse(
        setup,
        ssh=setup.tls == "ssh",
        implicit=setup.tls == "implicit",
        mlsd=not setup.mlsd,
        client_certificate=setup.client_certificate,
    )
    host = setup.host
    argv = [
        str(place.binary.path),
        *("-S", f"{host},{place.port}"),
        "-6" if setup.ipv6 else "-4",
        *("-l", f"puredb:{_database(place)}"),
        "-E",  # no anonymous logins
        "-A",  # the login directory is the root of what the client sees
        "-H",  # no name look-ups
        "-D",  # dot files in listings
        *("-u", "1"),  # users with small numbers may log in
        *("-U", "022:022"),
        *("-g", str(place.folder / "pure-ftpd.pid")),
        *("-f", "none"),  # nothing to syslog
        *("-O", f"clf:{place.folder / 'pure-ftpd.log'}"),
        *("-L", "100000:50"),  # listings: the default ends after 10000 files
        *("-c", str(setup.max_clients or 100)),
    ]
    if setup.max_per_ip:
        argv += ["-C", str(setup.max_per_ip)]
    if setup.idle_timeout:
        argv += ["-I", str(-(-setup.idle_timeout // 60))]
    if setup.tls != "none":
        argv += ["-Y", "2", "-2", str(place.pem())]
    return Recipe([*argv, *setup.extra], needs_root=True)


def _database(place: Place) -> str:
    """Writes the one user into Pure-FTPd's own format; its tool pure-pw makes the binary file from the text one."""
    account = place.account
    users = place.file(
        "pureftpd.passwd", f"{USER}:{PASSWORD_HASH}:{account.uid}:{account.gid}::{place.root}/./{':' * 12}\n"
    )
    database = place.folder / "pureftpd.pdb"
    pure_pw = place.binary.beside("usr/bin/pure-pw") or "pure-pw"
    command = [str(pure_pw), "mkdb", str(database), "-f", str(users)]
    subprocess.run(command, env=os.environ | place.binary.env, check=True, capture_output=True)
    return str(database)
