"""What ssh_config says of a host, under what the command line says."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftpcli.errors import UsageError
from ftpcli.model import Endpoint, Secret, SshSettings, Timing
from ftpcli.session.ssh import host_settings as config
from ftpcli.session.ssh.host_settings import Hop, hop_of, jump_of

ALL = frozenset({"user", "port", "family", "keepalive"})


@pytest.fixture(autouse=True)
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "etc").mkdir()
    monkeypatch.setattr(config, "SYSTEM_CONFIG", str(tmp_path / "etc" / "ssh_config"))
    monkeypatch.setattr(config, "_local_user", lambda: "me")
    return tmp_path / "etc" / "ssh_config"


def hop(text: str | None, host: str = "h", **settings: object) -> Hop:
    if text is not None:
        path = Path.home() / ".ssh" / "config"
        path.write_text(text)
        path.chmod(0o600)
    ssh = SshSettings(**{"unstated": ALL, **settings})  # type: ignore[arg-type]
    return hop_of(Endpoint("sftp", host, 22, user="typed", ssh=ssh, password=Secret("x")))


def test_nothing_at_all(home: Path) -> None:
    found = hop(None)
    assert (found.host, found.port, found.user, found.known_as) == ("h", 22, "me", ("h", 22))
    assert found.identities == tuple(str(home / ".ssh" / f"id_{kind}") for kind in ("ed25519", "ecdsa", "rsa"))
    assert (found.first, found.strictness, found.agent, found.jumps, found.command) == (0, "ask", None, (), None)
    assert not found.hash_names
    assert found.known_hosts[0] == str(home / ".ssh" / "known_hosts")
    assert found.system_known_hosts[0] == "/etc/ssh/ssh_known_hosts"


def test_everything(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHERE", "/w")
    found = hop(
        "Host h\nHostName real-%h.org\nUser u\nPort 2222\nIdentityFile ~/.ssh/%r@%h-%n\nIdentityFile ${WHERE}/id\n"
        "IdentitiesOnly yes\nCertificateFile %d/c.pub\nHostKeyAlias alias\nUserKnownHostsFile /a ~/b\n"
        "GlobalKnownHostsFile none\nStrictHostKeyChecking accept-new\nServerAliveInterval 7\nAddressFamily inet6\n"
        "HashKnownHosts yes\nIdentityAgent /agent\nProxyJump j1,u@j2:23\n"
    )
    assert (found.host, found.port, found.user, found.known_as) == ("real-h.org", 2222, "u", ("alias", 22))
    assert found.identities == (f"{home}/.ssh/u@real-h.org-h", "/w/id")
    assert (found.identities_only, found.certificates, found.first) == (True, (f"{home}/c.pub",), 0)
    assert (found.known_hosts, found.system_known_hosts) == (("/a", f"{home}/b"), ())
    assert (found.strictness, found.keepalive, found.family) == ("accept-new", 7, 6)
    assert (found.agent, found.jumps, found.hash_names) == ("/agent", ("j1", "u@j2:23"), True)


def test_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    text = "User u\nPort 2222\nIdentityFile /conf\nUserKnownHostsFile /a\nServerAliveInterval 7\n"
    found = hop(
        text, unstated=frozenset(), identities=("/mine",), known_hosts="/k", accept_new_host_key=True, agent=False
    )
    assert (found.user, found.port, found.identities, found.first) == ("typed", 22, ("/mine", "/conf"), 1)
    assert (found.known_hosts, found.strictness, found.keepalive) == (("/k",), "accept-new", Timing().keepalive)
    assert found.agent is None
    assert hop(None, agent=True).agent == "/agent"


def test_a_named_key_leaves_the_default_keys_out() -> None:
    assert hop("", identities=("/mine",)).identities == ("/mine",)


def test_the_users_file_comes_before_the_systems(system: Path) -> None:
    (system.parent / "more.conf").write_text("Host h\nUser sys\nPort 5\n")
    system.write_text("Include *.conf\nHost *\nPort 6\n")
    found = hop("Host h\nUser mine\n")
    assert (found.user, found.port) == ("mine", 5)


def test_another_file_or_none(tmp_path: Path, system: Path) -> None:
    system.write_text("Port 5\n")
    other = tmp_path / "other"
    other.write_text("User o\n")
    assert (hop("Port 4\n", config=str(other)).port, hop(None, config=str(other)).user) == (22, "o")
    assert hop(None, config="none").port == 22
    assert hop(None).port == 4
    with pytest.raises(UsageError, match="there is no ssh_config"):
        hop(None, config=str(tmp_path / "missing"))


def test_include_of_the_user(home: Path) -> None:
    (home / ".ssh" / "conf.d").mkdir()
    (home / ".ssh" / "conf.d" / "a").write_text("Host h\nUser a\n")
    (home / ".ssh" / "conf.d" / "b").write_text("User b\nPort 7\n")
    (home / "c").write_text("Port 8\nHostname c\n")
    found = hop("Include conf.d/* ~/c missing\n")
    assert (found.user, found.port, found.host) == ("a", 7, "c")


def test_a_file_that_others_can_write(home: Path) -> None:
    """It could name a ProxyCommand."""
    path = home / ".ssh" / "config"
    path.write_text("Port 4\n")
    path.chmod(0o666)
    with pytest.raises(UsageError, match="can be written by others"):
        hop(None)
    assert hop(None, config="none").port == 22


@pytest.mark.parametrize("named", [True, False])
def test_an_included_file_that_others_can_write(home: Path, system: Path, named: bool) -> None:
    """OpenSSH looks at these even where it trusts what includes them: the system's file, and one that was named."""
    (home / "more").write_text("ProxyCommand evil\n")
    (home / "more").chmod(0o666)
    system.write_text(f"Include {home}/more\n")
    with pytest.raises(UsageError, match="more can be written by others"):
        hop(None, config=str(system) if named else None)


def test_a_file_that_cannot_be_read(home: Path) -> None:
    (home / ".ssh" / "config").mkdir()
    with pytest.raises(UsageError, match=r"\.ssh/config cannot be read: is a directory"):
        hop(None)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Port none", "port none is not a number"),
        ("Port 70000", "port 70000 is not a number"),
        ("IdentitiesOnly maybe", "neither yes nor no"),
        ("ServerAliveInterval -1", "serveraliveinterval -1"),
        ("IdentityFile %y", "there is no %y here"),
        ("nonsense", "config:1: this is no setting"),
    ],
)
def test_mistakes_are_named(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        hop(text)


@pytest.mark.parametrize(
    ("text", "command", "jumps"),
    [
        ("ProxyCommand nc %h %p # %r %%", "nc h 22 # me %", ()),
        ("ProxyCommand none\nProxyJump a", None, ()),
        ("ProxyJump none\nProxyCommand a", None, ()),
        ("ProxyJump a\nProxyCommand b", None, ("a",)),
    ],
)
def test_the_way(text: str, command: str | None, jumps: tuple[str, ...]) -> None:
    found = hop(text)
    assert (found.command, found.jumps) == (command, jumps)


@pytest.mark.parametrize("token", ["%n", "%k", "%h"])
def test_no_host_name_is_a_command(token: str) -> None:
    renamed = "" if token == "%h" else "HostName real\n"
    with pytest.raises(UsageError, match="must not get into a ProxyCommand"):
        hop(f"{renamed}ProxyCommand nc {token} %p\n", "a;touch$IFS;b")


@pytest.mark.parametrize(
    ("text", "host", "port", "user"),
    [
        ("j", "j", 22, "me"),
        ("u@j:23", "j", 23, "u"),
        ("a@b@j", "j", 22, "a@b"),
        ("[::1]:23", "::1", 23, "me"),
        ("ssh://u@j:23/", "j", 23, "u"),
    ],
)
def test_jumps(text: str, host: str, port: int, user: str) -> None:
    endpoint = Endpoint("sftp", "h", 2222, user="typed", password=Secret("x"), ssh=SshSettings(pins=("SHA256:x",)))
    found = jump_of(endpoint, text, ("before",))
    assert (found.host, found.port, found.user, found.jumps) == (host, port, user, ("before",))
    assert (found.password, found.pins, found.insecure, found.first) == (None, (), False, 0)


@pytest.mark.parametrize("text", ["a:b:c", "a:0", "a:65558"])
def test_a_jump_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="ProxyJump"):
        jump_of(Endpoint("sftp", "h", 22), text, ())


def test_an_address_with_a_zone() -> None:
    assert hop(None, "fe80::1%eth0").host == "fe80::1%eth0"
