"""`rclone serve sftp`: pkg/sftp over rclone's own file layer. Debian builds rclone without its FTP server. ``extra``:
further arguments, such as ``--vfs-cache-mode``."""

from __future__ import annotations

from tests.servers.recipes import keys
from tests.servers.recipes.recipe import PASSWORD, USER, Place, Recipe, Setup, refuse


def recipe(setup: Setup, place: Place) -> Recipe:
    refuse(
        setup,
        max_clients=bool(setup.max_clients),
        max_per_ip=bool(setup.max_per_ip),
        idle_timeout=bool(setup.idle_timeout),
        mlsd=not setup.mlsd,
    )
    address = f"[{setup.host}]" if setup.ipv6 else setup.host
    host_key = keys.make(place.file, "host_key")
    argv = [str(place.binary.path), "serve", "sftp", str(place.root), "--addr", f"{address}:{place.port}"]
    argv += ["--user", USER, "--pass", PASSWORD, "--key", str(host_key)]
    argv += ["--config", str(place.file("rclone.conf", "")), "--cache-dir", str(place.folder / "cache"), *setup.extra]
    return Recipe(argv, known_hosts=keys.known_hosts(place, setup.host, host_key))
