"""From a place, its options and a login to the engine's Endpoint."""

from __future__ import annotations

import ipaddress
import os
from typing import Any

from ftpcli.cli.options.choices import Choices, Origin
from ftpcli.cli.output.terminal import asker
from ftpcli.cli.server.credentials import ANONYMOUS, Login, passphrase_source
from ftpcli.cli.urls import Location, default_port
from ftpcli.errors import UsageError
from ftpcli.model import DataSettings, Endpoint, SshSettings, Timing, TlsMode, TlsSettings

_MODES = {"ftp": TlsMode.NONE, "ftpes": TlsMode.EXPLICIT, "ftps": TlsMode.IMPLICIT}
_SCHEMES = {mode.value: scheme for scheme, mode in _MODES.items()}
_SSH = "sftp"


def endpoint(location: Location, choices: Choices, login: Login) -> Endpoint:
    """Everything needed to log in to the server of ``location``. Raises UsageError for options that contradict it."""
    scheme = _scheme(location, choices)
    if scheme == _SSH and choices.get("ascii"):
        raise UsageError("--ascii is for FTP; SFTP transfers bytes as they are")
    return Endpoint(
        scheme=scheme,
        host=location.host,
        port=location.port or default_port(scheme),
        user=login.user,
        password=login.password,
        tls=_MODES.get(scheme, TlsMode.NONE),
        tls_settings=TlsSettings() if scheme == _SSH else _tls_settings(choices),
        ssh=_ssh_settings(location, choices, login) if scheme == _SSH else SshSettings(),
        data=_data_settings(choices),
        timing=Timing(
            idle=choices["timeout"],
            final_reply=choices["final_reply_timeout"],
            keepalive=choices["keepalive"],
            keepalive_in_transfer=choices["keepalive_in_transfer"],
        ),
        family={None: None, "ipv4": 4, "ipv6": 6}[choices.one_of("ipv4", "ipv6")],
        encoding=choices["encoding"],
    )


def endpoint_warnings(endpoint: Endpoint) -> list[str]:
    """Warnings to show before anything is sent."""
    warnings = []
    if endpoint.scheme == _SSH:
        if endpoint.ssh.insecure:
            warnings.append(
                f"--insecure: THE HOST KEY OF {endpoint.host} IS NOT VERIFIED; anyone on the way can read and change "
                "everything, the password too"
            )
        return warnings
    if endpoint.tls is TlsMode.NONE and endpoint.user not in ANONYMOUS and not is_loopback(endpoint.host):
        warnings.append(f"the password goes to {endpoint.host} in clear; ftpes:// or ftps:// would encrypt it")
    if endpoint.tls is not TlsMode.NONE and endpoint.tls_settings.insecure:
        warnings.append(
            f"--insecure: THE CERTIFICATE OF {endpoint.host} IS NOT VERIFIED; anyone on the way can read and change "
            "everything, the password too"
        )
    return warnings


def is_loopback(host: str) -> bool:
    """Judged by the name or address alone, without a lookup."""
    if host.lower().rstrip(".") == "localhost" or host.lower().rstrip(".").endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _scheme(location: Location, choices: Choices) -> str:
    """``--tls`` decides for ``ftp``; it must not weaken ``ftpes`` and ``ftps``."""
    if not choices["tls"]:
        return location.scheme
    if location.scheme == _SSH:
        if choices.origin("tls") is Origin.COMMAND_LINE and choices["tls"] != "none":
            raise UsageError(f"--tls {choices['tls']} contradicts {location.scheme}://")
        return location.scheme
    asked = _SCHEMES[choices["tls"]]
    if location.scheme == "ftp" or location.scheme == asked:
        return asked
    if choices.origin("tls") is Origin.COMMAND_LINE:
        raise UsageError(f"--tls {choices['tls']} contradicts {location.scheme}://")
    return location.scheme


def _tls_settings(choices: Choices) -> TlsSettings:
    for name in ("cafile", "cert", "key"):
        if choices[name] and not os.path.isfile(choices[name]):
            raise UsageError(f"--{name}: there is no file {choices[name]}")
    if choices["key"] and not choices["cert"]:
        raise UsageError("--key needs --cert, the certificate it belongs to")
    if choices["tls_min"] > choices["tls_max"]:
        raise UsageError(f"--tls-min {choices['tls_min']} is above --tls-max {choices['tls_max']}")
    return TlsSettings(
        cafile=choices["cafile"],
        pins=_pins(choices, "sha256:", "a certificate's digest is sha256: and 64 hexadecimal digits"),
        cert=choices["cert"],
        key=choices["key"],
        minimum=choices["tls_min"],
        maximum=choices["tls_max"],
        insecure=choices["insecure"],
    )


def _ssh_settings(location: Location, choices: Choices, login: Login) -> SshSettings:
    from ftpcli.cli.server.keyring import SystemKeyring

    needed = [("identity", path) for path in choices["identity"] if not os.path.exists(f"{path}.pub")]
    if choices["known_hosts"] and not choices["accept_new_host_key"]:
        needed.append(("known-hosts", choices["known_hosts"]))
    if choices["ssh_config"] and choices["ssh_config"].lower() != "none":
        needed.append(("ssh-config", choices["ssh_config"]))
    for name, path in needed:
        if not os.path.exists(path):
            raise UsageError(f"--{name}: there is no file {path}")
    unstated = {
        "user": not login.stated,
        "port": location.port is None,
        "family": not (choices["ipv4"] or choices["ipv6"]),
        "keepalive": choices.origin("keepalive") is Origin.BUILT_IN,
    }
    return SshSettings(
        identities=choices["identity"],
        known_hosts=choices["known_hosts"],
        accept_new_host_key=choices["accept_new_host_key"],
        config=choices["ssh_config"],
        agent=not choices["no_agent"],
        pins=_pins(choices, "SHA256:", "a host key's fingerprint is SHA256: and 43 characters of base64"),
        insecure=choices["insecure"],
        unstated=frozenset(name for name, holds in unstated.items() if holds),
        passphrase=passphrase_source(choices),
        keyring=SystemKeyring().passphrase,
        ask=asker(),
    )


def _pins(choices: Choices, kind: str, form: str) -> tuple[str, ...]:
    """The pins of one kind. Raises UsageError if there are only others: ignoring them would trust any server."""
    pins: tuple[str, ...] = choices["pin"]
    found = tuple(pin for pin in pins if pin.startswith(kind))
    if pins and not found:
        raise UsageError(f"--pin {pins[0]} cannot be compared with this server: {form}")
    return found


def _data_settings(choices: Choices) -> DataSettings:
    mode: Any = choices["data_mode"]
    active: bool = choices["active"]
    by_mode = {"eprt": True, "port": True, "epsv": False, "pasv": False}.get(mode)
    if by_mode is not None and by_mode != active:
        who, how = choices.origin("active"), choices.origin("data_mode")
        if who == how:
            raise UsageError(f"--data-mode {mode} contradicts --{'active' if active else 'passive'}")
        active, mode = (active, "auto") if who > how else (by_mode, mode)
    return DataSettings(
        active=active,
        mode=mode,
        active_ports=choices["active_ports"],
        active_address=choices["active_address"],
        pasv_address=choices["pasv_address"],
        ascii=choices.get("ascii", False),
    )
