"""Host keys: known, unknown, changed, revoked, certified, pinned; and what a new one leaves in known_hosts."""

from __future__ import annotations

import base64
import re
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import paramiko
import pytest

from ftpcli.errors import HostKeyRejected, LocalFileError, UsageError
from ftpcli.session.ssh.host_keys import remember
from ftpcli.wire.ssh.known_hosts import Standing, fingerprint, parse
from tests.servers.real import Running, Setup, started
from tests.servers.ssh.embedded import Script, embedded

from .conftest import Client, Keys, MakeClient, answering, public

RIGHT = "secret-Pw1"


def at(client: MakeClient, server: Running, **settings: object) -> Client:
    return client(server.port, user=server.user, identities=(str(server.identity),), **settings)


def shown(server: Running) -> str:
    assert server.known_hosts is not None
    return fingerprint(base64.b64decode(server.known_hosts.read_text().split()[2]))


@pytest.mark.parametrize("ask", [False, True])
def test_an_unknown_host_is_refused_with_what_helps(client: MakeClient, home: Path, ask: bool) -> None:
    asking = answering("no")[0] if ask else None
    with started(Setup("sshd")) as server, pytest.raises(HostKeyRejected) as caught:
        at(client, server, ask=asking)()
    print_of_key = shown_of(str(caught.value))
    assert str(caught.value) == (
        f"the host key of 127.0.0.1:{server.port} is not known: ED25519 {print_of_key}; "
        f"if that is right, --pin {print_of_key} accepts just this key, --accept-new-host-key stores it"
    )
    assert caught.value.exit_code == 4
    assert not (home / ".ssh" / "known_hosts").exists()


def shown_of(text: str) -> str:
    found = re.search(r"SHA256:[A-Za-z0-9+/]{43}", text)
    assert found is not None
    return found[0]


def test_a_known_host(client: MakeClient, home: Path) -> None:
    with started(Setup("sshd")) as server:
        assert server.known_hosts is not None
        (home / ".ssh" / "known_hosts").write_text(server.known_hosts.read_text())
        at(client, server)()


def test_a_pin(client: MakeClient, home: Path) -> None:
    with started(Setup("sshd")) as server:
        at(client, server, pins=("SHA256:" + "A" * 43, shown(server)))()
        with pytest.raises(HostKeyRejected, match="is not the pinned one: it is ED25519 SHA256:"):
            at(client, server, known_hosts=str(server.known_hosts), pins=("SHA256:" + "A" * 43,))()
    assert not (home / ".ssh" / "known_hosts").exists()


def test_insecure(client: MakeClient, home: Path) -> None:
    with started(Setup("sshd")) as server:
        at(client, server, insecure=True)()
    assert not (home / ".ssh" / "known_hosts").exists()


def test_a_new_host_is_stored(client: MakeClient, home: Path) -> None:
    (home / ".ssh").rmdir()
    file = home / ".ssh" / "known_hosts"
    with started(Setup("sshd")) as server:
        assert server.known_hosts is not None
        opening = at(client, server, accept_new_host_key=True)
        opening()
        opening()
        assert file.read_text() == server.known_hosts.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert opening.told == [f"the host key of 127.0.0.1:{server.port} is stored in {file}: ED25519 {shown(server)}"]
        at(client, server)()


def test_a_new_host_goes_where_the_others_are(client: MakeClient, tmp_path: Path, keys: Keys) -> None:
    """Into the file that was named, hashed like the rest of it, behind a last line that has no end."""
    file = tmp_path / "mine"
    other = keys.make("other")
    salt = "|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|AAAAAAAAAAAAAAAAAAAAAAAAAAA="
    file.write_text(f"{salt} {public(other)}")
    with started(Setup("sshd")) as server:
        at(client, server, known_hosts=str(file), accept_new_host_key=True)()
        at(client, server, known_hosts=str(file))()
    first, second = file.read_text().splitlines()
    assert first == f"{salt} {public(other)}"
    assert second.startswith("|1|")
    assert "127.0.0.1" not in second


def test_many_at_once_leave_whole_lines(tmp_path: Path) -> None:
    """The workers of a run, and other runs."""
    file = tmp_path / "folder" / "known"
    key = paramiko.ECDSAKey.generate().asbytes()

    def store() -> None:
        for port in range(1, 40):
            remember(str(file), "h", port, key, hashed=False)

    threads = [threading.Thread(target=store) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The plain name, for port 22, makes the others known too, but for those that were there before it.
    found = [entry.hosts[0] for entry in parse(file.read_bytes())]
    assert found == list(dict.fromkeys(found))
    assert file.read_bytes().count(b"\n") == len(found) >= 22


def test_of_two_new_keys_only_the_first_is_stored(tmp_path: Path) -> None:
    """Two connections that met the host at the same time, and found nothing about it in the file."""
    file = tmp_path / "known"
    one, other = (paramiko.ECDSAKey.generate().asbytes() for _ in range(2))
    assert remember(str(file), "h", 22, one, hashed=False).standing is Standing.UNKNOWN
    before = file.read_bytes()
    found = remember(str(file), "h", 22, other, hashed=False)
    assert found.standing is Standing.CHANGED
    assert found.entry is not None
    assert found.entry.where == f"{file}:1"
    assert remember(str(file), "h", 22, one, hashed=False).standing is Standing.KNOWN
    assert file.read_bytes() == before


def test_names_are_hashed_on_request(client: MakeClient, tmp_path: Path) -> None:
    config, file = tmp_path / "config", tmp_path / "known"
    config.write_text("HashKnownHosts yes\n")
    with started(Setup("sshd")) as server:
        opening = at(client, server, config=str(config), known_hosts=str(file))
        opening(accept_new_host_key=True)
        opening()
    assert file.read_text().startswith("|1|")


def test_known_hosts_that_keep_nothing(client: MakeClient, tmp_path: Path) -> None:
    """As people write it for machines that come and go."""
    config = tmp_path / "config"
    with started(Setup("sshd")) as server:
        for nowhere in ("/dev/null", "none"):
            config.write_text(f"StrictHostKeyChecking no\nUserKnownHostsFile {nowhere}\n")
            at(client, server, config=str(config))()


def test_a_file_that_cannot_be_read(client: MakeClient, tmp_path: Path) -> None:
    with started(Setup("sshd")) as server, pytest.raises(LocalFileError, match="cannot be read: is a directory"):
        at(client, server, known_hosts=str(tmp_path))()


def test_a_file_that_cannot_be_written(client: MakeClient, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with started(Setup("sshd")) as server, pytest.raises(LocalFileError, match="cannot store the host key"):
        at(client, server, known_hosts=str(tmp_path / "file" / "known"), accept_new_host_key=True)()


@pytest.mark.parametrize("answer", ["yes", "YES ", "fingerprint"])
def test_the_question(client: MakeClient, answer: str) -> None:
    with started(Setup("sshd")) as server:
        ask, asked = answering("what?", shown(server) if answer == "fingerprint" else answer)
        at(client, server, ask=ask)()
        assert [(question.kind, question.attempt, question.hidden) for question in asked] == [
            ("host key", 1, False),
            ("host key", 2, False),
        ]
        assert f"127.0.0.1:{server.port}" in asked[0].text
        assert shown(server) in asked[0].text
        at(client, server)()


@pytest.mark.parametrize("answers", [("no",), ("SHA256:" + "A" * 43,), (None,), ("a", "b", "c", "yes")])
def test_the_answer_no(client: MakeClient, home: Path, answers: tuple[str | None, ...]) -> None:
    with started(Setup("sshd")) as server, pytest.raises(HostKeyRejected):
        at(client, server, ask=answering(*answers)[0])()
    assert not (home / ".ssh" / "known_hosts").exists()


@pytest.mark.parametrize(
    ("word", "asked", "accepted"),
    [("yes", 0, False), ("ask", 1, True), ("accept-new", 0, True), ("no", 0, True), ("nonsense", 0, False)],
)
def test_strict_host_key_checking(client: MakeClient, tmp_path: Path, word: str, asked: int, accepted: bool) -> None:
    config = tmp_path / "config"
    config.write_text(f"StrictHostKeyChecking {word}\nUserKnownHostsFile {tmp_path}/k1 {tmp_path}/k2\n")
    ask, questions = answering("yes")
    with started(Setup("sshd")) as server:
        opening = at(client, server, config=str(config), ask=ask)
        if accepted:
            opening()
        else:
            with pytest.raises(HostKeyRejected):
                opening()
    assert len(questions) == asked
    assert (tmp_path / "k1").exists() is accepted


@pytest.mark.parametrize("settings", [{}, {"accept_new_host_key": True}, {"ask": answering("yes")[0]}])
@pytest.mark.parametrize("kind", ["same", "other"])
def test_a_key_that_changes_between_two_runs(
    client: MakeClient, home: Path, settings: dict[str, object], kind: str
) -> None:
    generate: Callable[[], paramiko.PKey] = paramiko.ECDSAKey.generate
    after = generate() if kind == "same" else paramiko.RSAKey.generate(2048)
    file = home / ".ssh" / "known_hosts"
    script = Script()
    with embedded(script, key=generate()) as server:
        client(server.port, password=RIGHT, accept_new_host_key=True)()
    before = file.read_text()
    script.tried.clear()
    with embedded(script, key=after, port=server.port), pytest.raises(HostKeyRejected) as caught:
        client(server.port, password=RIGHT, **settings)()
    said = str(caught.value)
    assert (
        f"is not the one in {file}:1: it is {'ECDSA' if kind == 'same' else 'RSA'} {fingerprint(after.asbytes())}"
        in said
    )
    assert fingerprint(server.key.asbytes()) in said
    assert caught.value.exit_code == 4
    assert file.read_text() == before
    assert script.tried == []


def test_the_known_type_is_asked_for(client: MakeClient, keys: Keys, tmp_path: Path) -> None:
    """A host with several keys is known by any one of them."""
    made = {kind: keys.make(kind, kind) for kind in ("ecdsa", "rsa")}
    extra = tuple(f"HostKey {key}" for key in made.values())
    file = tmp_path / "known"
    with started(Setup("sshd", extra=extra)) as server:
        for kind, key in made.items():
            file.write_text(f"[127.0.0.1]:{server.port} {public(key)}\n")
            found = at(client, server, known_hosts=str(file))()
            assert kind in found.transport.host_key_type


def test_revoked(client: MakeClient, tmp_path: Path) -> None:
    file = tmp_path / "known"
    with started(Setup("sshd")) as server:
        assert server.known_hosts is not None
        line = server.known_hosts.read_text()
        file.write_text(f"{line}@revoked * {line.split(' ', 1)[1]}")
        with pytest.raises(HostKeyRejected, match=f"is revoked in {file}:2: ED25519"):
            at(client, server, known_hosts=str(file), accept_new_host_key=True)()


def test_a_host_key_alias(client: MakeClient, tmp_path: Path) -> None:
    config, file = tmp_path / "config", tmp_path / "known"
    config.write_text("Host 127.0.0.1\nHostKeyAlias the-backup\n")
    with started(Setup("sshd")) as server:
        opening = at(client, server, config=str(config), known_hosts=str(file))
        with pytest.raises(HostKeyRejected):
            opening()
        opening(accept_new_host_key=True)
        opening()
    assert file.read_text().startswith("the-backup ssh-ed25519 ")


class Certified:
    """A server with a host certificate."""

    def __init__(self, keys: Keys, kind: str = "ed25519", names: str = "127.0.0.1", *options: str) -> None:
        self.authority, self.host = keys.make("ca", kind), keys.make("host", kind)
        keys.certify(self.host, self.authority, names, "-h", *options)
        self.setup = Setup("sshd", extra=(f"HostKey {self.host}", f"HostCertificate {self.host}-cert.pub"))


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_host_certificate(client: MakeClient, keys: Keys, tmp_path: Path, kind: str) -> None:
    certified, file = Certified(keys, kind), tmp_path / "known"
    file.write_text(f"@cert-authority 127.0.0.* {public(certified.authority)}\n")
    with started(certified.setup) as server:
        found = at(client, server, known_hosts=str(file))()
        assert found.transport.host_key_type.endswith("-cert-v01@openssh.com")


@pytest.mark.parametrize(
    ("names", "options", "complaint"),
    [
        ("other.example.org", [], "it is for other.example.org"),
        ("127.0.0.1", ["-V", "20200101:20210101"], "it has expired"),
        ("127.0.0.1", ["-V", "20900101:20910101"], "it is not valid yet"),
    ],
)
def test_a_certificate_that_proves_nothing(
    client: MakeClient, keys: Keys, tmp_path: Path, names: str, options: list[str], complaint: str
) -> None:
    certified, file = Certified(keys, "ed25519", names, *options), tmp_path / "known"
    authority = f"@cert-authority * {public(certified.authority)}\n"
    file.write_text(authority)
    with started(certified.setup) as server:
        with pytest.raises(HostKeyRejected, match=f"host certificate of .* is not valid: {complaint}"):
            at(client, server, known_hosts=str(file), accept_new_host_key=True)()
        file.write_text(f"{authority}[127.0.0.1]:{server.port} {public(certified.host)}\n")
        at(client, server, known_hosts=str(file))()  # the key itself is known


def test_another_authority(client: MakeClient, keys: Keys, tmp_path: Path) -> None:
    certified, file = Certified(keys), tmp_path / "known"
    file.write_text(f"@cert-authority * {public(keys.make('strange'))}\n")
    with started(certified.setup) as server, pytest.raises(HostKeyRejected, match="authority that is not known"):
        at(client, server, known_hosts=str(file))()


def test_a_revoked_authority(client: MakeClient, keys: Keys, tmp_path: Path) -> None:
    certified, file = Certified(keys), tmp_path / "known"
    line = public(certified.authority)
    file.write_text(f"@cert-authority * {line}\n@revoked * {line}\n")
    with started(certified.setup) as server, pytest.raises(HostKeyRejected, match="its authority is revoked"):
        at(client, server, known_hosts=str(file))()


def test_known_by_an_authority_only(client: MakeClient, keys: Keys, tmp_path: Path) -> None:
    file = tmp_path / "known"
    file.write_text(f"@cert-authority * {public(keys.make('ca'))}\n")
    with started(Setup("sshd")) as server, pytest.raises(HostKeyRejected, match=f"by the authority in {file}:1 only"):
        at(client, server, known_hosts=str(file))()


def test_a_list_of_revoked_keys(client: MakeClient, tmp_path: Path) -> None:
    config, revoked = tmp_path / "config", tmp_path / "revoked"
    config.write_text(f"RevokedHostKeys {revoked}\n")
    with started(Setup("sshd")) as server:
        opening = at(client, server, config=str(config), known_hosts=str(server.known_hosts))
        with pytest.raises(UsageError, match="cannot be read: no such file"):
            opening()
        revoked.write_text("# none so far\n")
        opening()
        assert server.known_hosts is not None
        revoked.write_text(server.known_hosts.read_text().partition(" ")[2])
        with pytest.raises(HostKeyRejected, match=f"is revoked in {revoked}:1"):
            opening()


# Was: taken. OpenSSH refuses them since 8.2.
def test_an_authority_that_signs_over_sha1(client: MakeClient, keys: Keys, tmp_path: Path) -> None:
    certified, file = Certified(keys, "rsa", "127.0.0.1", "-t", "ssh-rsa"), tmp_path / "known"
    file.write_text(f"@cert-authority * {public(certified.authority)}\n")
    with (
        started(certified.setup) as server,
        pytest.raises(HostKeyRejected, match="by way of ssh-rsa, which is not safe"),
    ):
        at(client, server, known_hosts=str(file))()
