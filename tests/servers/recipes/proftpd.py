"""ProFTPD as an ordinary user, with a password file of its own; also its mod_sftp (`tls="ssh"`)."""

from __future__ import annotations

from pathlib import Path

from tests.servers.recipes import keys
from tests.servers.recipes.recipe import PASSWORD_HASH, USER, Place, Recipe, Setup

MODULES = "usr/lib/proftpd"


def recipe(setup: Setup, place: Place) -> Recipe:
    lines = _lines(setup, place)
    identity = known_hosts = None
    if setup.tls == "ssh":
        host_key, identity = keys.make(place.file, "host_key"), keys.make(place.file, "identity")
        known_hosts = keys.known_hosts(place, setup.host, host_key)
        authorized = place.file("authorized_keys", keys.rfc4716(identity))
        lines += [
            "SFTPEngine on",
            f"SFTPLog {place.folder / 'sftp.log'}",
            f"SFTPHostKey {host_key}",
            f"SFTPAuthorizedUserKeys file:{authorized}",
            "SFTPAuthMethods publickey password",
        ]
    elif setup.tls != "none":
        lines += _tls(setup, place)
    config = place.file("proftpd.conf", "".join(f"{line}\n" for line in (*lines, *setup.extra)))
    argv = [str(place.binary.path), "-n", "-c", str(config), *(["-6"] if setup.ipv6 else ["-4"])]
    return Recipe(argv, identity=identity, known_hosts=known_hosts)


def _lines(setup: Setup, place: Place) -> list[str]:
    account, folder = place.account, place.folder
    entry = f"{USER}:{PASSWORD_HASH}:{account.uid}:{account.gid}::{place.root}:/bin/sh\n"
    modules = place.binary.tree / MODULES
    lines = [f"ModulePath {modules}"]
    lines += [f"LoadModule {name}.c" for name in _wanted(setup) if (modules / f"{name}.so").exists()]
    lines += [
        'ServerName "ftpcli tests"',
        "ServerType standalone",
        "DefaultServer on",
        f"DefaultAddress {setup.host}",
        f"Port {place.port}",
        "SocketBindTight on",
        f"UseIPv6 {_on(setup.ipv6)}",
        f"User {account.user}",
        f"Group {account.group}",
        f"AuthUserFile {place.file('passwd', entry)}",
        f"AuthGroupFile {place.file('group', f'tests:x:{account.gid}:{USER}')}",
        "AuthOrder mod_auth_file.c",
        "RequireValidShell off",
        f"PidFile {folder / 'proftpd.pid'}",
        f"ScoreboardFile {folder / 'scoreboard'}",
        f"SystemLog {folder / 'proftpd.log'}",
        "TransferLog NONE",
        "WtmpLog off",
        # Name look-ups cost 3 s each where there is no DNS.
        "UseReverseDNS off",
        "AllowOverwrite on",
        "AllowRetrieveRestart on",
        "AllowStoreRestart on",
        "Umask 022",
        "MaxLoginAttempts 3",
        f"FactsAdvertise {_on(setup.mlsd)}",
        "<IfModule mod_delay.c>",
        "DelayEngine off",
        "</IfModule>",
        "<IfModule mod_ctrls.c>",
        "ControlsEngine off",
        f"ControlsSocket {folder / 'ctrls.sock'}",
        "</IfModule>",
        "<IfModule mod_digest.c>",
        "DigestEngine on",
        "DigestMaxSize 1 GB",
        "</IfModule>",
    ]
    if not setup.mlsd:
        lines += ["<Limit MLSD MLST>", "DenyAll", "</Limit>"]
    if setup.max_clients:
        lines.append(f'MaxClients {setup.max_clients} "Sorry, the maximum number of clients (%m) is connected."')
    if setup.max_per_ip:
        lines.append(f'MaxClientsPerHost {setup.max_per_ip} "Sorry, the maximum number of connections (%m) is in use."')
    if setup.idle_timeout:
        lines.append(f"TimeoutIdle {setup.idle_timeout}")
    return lines


def _wanted(setup: Setup) -> list[str]:
    by_tls = {"explicit": ["mod_tls"], "implicit": ["mod_tls"], "ssh": ["mod_sftp"]}
    return [*by_tls.get(setup.tls, []), "mod_digest", "mod_site_misc"]


def _tls(setup: Setup, place: Place) -> list[str]:
    pem: Path = place.pem()
    options = ["UseImplicitSSL"] if setup.tls == "implicit" else []
    options += [] if setup.require_reuse else ["NoSessionReuseRequired"]
    lines = [
        "TLSEngine on",
        f"TLSLog {place.folder / 'tls.log'}",
        "TLSProtocol TLSv1.2 TLSv1.3",
        f"TLSECCertificateFile {pem}",
        f"TLSECCertificateKeyFile {pem}",
        "TLSRequired on",
        "TLSRenegotiate none",
        f"TLSVerifyClient {_on(setup.client_certificate)}",
    ]
    if setup.client_certificate:
        lines.append(f"TLSCACertificateFile {place.trusted()}")
    if options:
        lines.append(f"TLSOptions {' '.join(options)}")
    return lines


def _on(value: bool) -> str:
    return "on" if value else "off"
