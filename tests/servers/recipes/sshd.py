"""OpenSSH's sshd as an ordinary user: it lets that user in, by key, and serves SFTP from within (internal-sftp)."""

from __future__ import annotations

from tests.servers.recipes import keys
from tests.servers.recipes.recipe import Place, Recipe, Setup, refuse


def recipe(setup: Setup, place: Place) -> Recipe:
    refuse(setup, max_clients=bool(setup.max_clients), max_per_ip=bool(setup.max_per_ip), mlsd=not setup.mlsd)
    host_key, identity = keys.make(place.file, "host_key"), keys.make(place.file, "identity")
    address = f"[{setup.host}]" if setup.ipv6 else setup.host
    lines = [
        f"ListenAddress {address}:{place.port}",
        f"HostKey {host_key}",
        f"AuthorizedKeysFile {place.file('authorized_keys', keys.public(identity))}",
        "StrictModes no",
        "UsePAM no",
        "UseDNS no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PidFile none",
        "LogLevel VERBOSE",
        "MaxStartups 200",
        # -d: the login directory; the user's real home may not exist.
        f"Subsystem sftp internal-sftp -d {place.root}",
    ]
    if setup.idle_timeout:
        lines += [f"ChannelTimeout session*={setup.idle_timeout}", f"UnusedConnectionTimeout {setup.idle_timeout}"]
    # Since 9.8 sshd is split over several programs and bans hosts whose logins fail.
    if session := place.binary.beside("usr/lib/openssh/sshd-session"):
        lines += [f"SshdSessionPath {session}", "PerSourcePenalties no"]
    if auth := place.binary.beside("usr/lib/openssh/sshd-auth"):
        lines.append(f"SshdAuthPath {auth}")
    config = place.file("sshd_config", "".join(f"{line}\n" for line in (*lines, *setup.extra)))
    known_hosts = keys.known_hosts(place, setup.host, host_key)
    # -D: stay in the foreground, -e: log to stderr.
    return Recipe(
        [str(place.binary.path), "-D", "-e", "-f", str(config)],
        user=place.account.user,
        password="",
        identity=identity,
        known_hosts=known_hosts,
    )
