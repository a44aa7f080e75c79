"""From settled options to the engine's values: Endpoint and Rules."""

from __future__ import annotations

import ipaddress
import os
from typing import Any

from ftpcli.cli.choices import Choices, Origin
from ftpcli.cli.login import ANONYMOUS, Login
from ftpcli.cli.urls import Location, default_port
from ftpcli.errors import UsageError
from ftpcli.model import DataSettings, Endpoint, Timing, TlsMode, TlsSettings

_MODES = {"ftp": TlsMode.NONE, "ftpes": TlsMode.EXPLICIT, "ftps": TlsMode.IMPLICIT}
_SCHEMES = {mode.value: scheme for scheme, mode in _MODES.items()}


def endpoint(location: Location, choices: Choices, login: Login) -> Endpoint:
    """Everything needed to log in to the server of ``location``."""
    scheme = _scheme(location, choices)
    return Endpoint(
        scheme=scheme,
        host=location.host,
        port=location.port or default_port(scheme),
        user=login.user,
        password=login.password,
        tls=_MODES[scheme],
        tls_settings=_tls_settings(choices),
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
    """What the user should know before anything is sent."""
    warnings = []
    if endpoint.tls is TlsMode.NONE and endpoint.user not in ANONYMOUS and not is_loopback(endpoint.host):
        warnings.append(f"the password goes to {endpoint.host} in clear; ftpes:// or ftps:// would encrypt it")
    if endpoint.tls is not TlsMode.NONE and endpoint.tls_settings.insecure:
        warnings.append(
            f"--insecure: THE CERTIFICATE OF {endpoint.host} IS NOT VERIFIED; anyone on the way can read and change "
            "everything, the password too"
        )
    return warnings


def is_loopback(host: str) -> bool:
    """By its name or address alone; nothing is looked up."""
    if host.lower().rstrip(".") == "localhost" or host.lower().rstrip(".").endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _scheme(location: Location, choices: Choices) -> str:
    """``--tls`` decides for ``ftp``; it may not take away what ``ftpes`` and ``ftps`` promise."""
    if not choices["tls"]:
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
        pins=choices["pin"],
        cert=choices["cert"],
        key=choices["key"],
        minimum=choices["tls_min"],
        maximum=choices["tls_max"],
        insecure=choices["insecure"],
    )


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
    )
