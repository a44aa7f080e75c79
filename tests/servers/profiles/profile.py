"""What a profile is. The tables are beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from tests.servers.scripted.data import Course
from tests.servers.scripted.name_rules import EXACT, NameRules
from tests.servers.scripted.server import ScriptedServer

if TYPE_CHECKING:
    from tests.servers.profiles.sftp_host import Quirk
    from tests.servers.scripted.connection import Connection

Hook = str | Course | Callable[["Connection", str], None]

CONSTRUCTED = "constructed"  # the source of a profile that nobody has reported in public


@dataclass(frozen=True)
class Profile:
    """``deviation`` and ``ftpcli`` are what docs/servers.md says of it: what the server does, and what ftpcli then
    does. ``source``: the address of a public report or document; a server with its version, "measured"; or
    CONSTRUCTED. ``takes_away``: files vanish from the server once they are there, which is what it is for. ``since``:
    the release from which on it is tested."""

    name: str
    deviation: str
    ftpcli: str
    source: str
    names: NameRules = EXACT
    takes_away: bool = False
    since: str = "0.1.0"


@dataclass(frozen=True)
class FtpProfile(Profile):
    """``settings``: attributes of ``ScriptedServer``. ``hooks``: by verb, as for ``ScriptedServer.on``."""

    settings: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    hooks: Mapping[str, Hook] = field(default_factory=lambda: MappingProxyType({}))

    def server(self) -> ScriptedServer:
        """A server of this kind, not started yet."""
        server = ScriptedServer(names=self.names, **self.settings)  # type: ignore[arg-type]
        for verb, hook in self.hooks.items():
            server.on(verb, hook)
        return server


@dataclass(frozen=True)
class SftpProfile(Profile):
    """``settings``: attributes of ``SftpHost``. ``quirks`` answer in its place; the first that does wins."""

    settings: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    quirks: tuple[Quirk, ...] = ()


def row(profile: Profile) -> str:
    """The profile's line in docs/servers.md."""
    address = profile.source.startswith("https://")
    source = f"[here]({profile.source})" if address else profile.source
    columns = f"`{profile.name}`", profile.deviation, profile.ftpcli, source, profile.since
    return f"| {' | '.join(columns)} |".replace("<", "&lt;")
