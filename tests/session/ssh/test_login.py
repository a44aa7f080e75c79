"""Keys against a real sshd: kinds, encryption, certificates, the agent, and how many are tried."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from ftpcli.errors import LoginRejected
from ftpcli.model import Secret
from ftpcli.session.ssh.identities import Identity
from ftpcli.session.ssh.key_files import KeyFile
from tests.servers.packages import openssh_tool
from tests.servers.real import Running, Setup, started

from .conftest import Agent, Client, Keys, MakeClient, answering, public


def at(client: MakeClient, server: Running, **settings: object) -> Client:
    return client(server.port, user=server.user, known_hosts=str(server.known_hosts), **settings)


def admit(server: Running, *keys: Path, options: str = "") -> None:
    """Make these the keys that let in."""
    assert server.identity is not None
    lines = [f"{options}{public(key)}\n" for key in keys]
    server.identity.with_name("authorized_keys").write_text("".join(lines))


def attempts(server: Running) -> int:
    """What the server counted. It writes its log a little later than it lets in, so this counts what is over."""
    until = time.monotonic() + 20
    while not re.search(r"^(?:Accepted publickey|Connection closed|Disconnect)", server.log(), re.MULTILINE):
        assert time.monotonic() < until, server.log()
        time.sleep(0.01)
    return len(re.findall(r"^(?:Failed|Accepted) (?:publickey|password|keyboard)", server.log(), re.MULTILINE))


def install(home: Path, key: Path, name: str) -> Path:
    for suffix in ("", ".pub"):
        shutil.copy(f"{key}{suffix}", home / ".ssh" / f"{name}{suffix}")
    return home / ".ssh" / name


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("ed25519", []),
        ("ecdsa", []),
        ("ecdsa", ["-b", "384"]),
        ("ecdsa", ["-b", "521"]),
        ("rsa", []),
        ("rsa", ["-m", "PEM"]),
    ],
)
def test_every_kind_of_key(client: MakeClient, keys: Keys, kind: str, options: list[str]) -> None:
    key = keys.make("id", kind, "", *options)
    with started(Setup("sshd")) as server:
        admit(server, key)
        at(client, server, identities=(str(key),))()
        assert attempts(server) == 1


@pytest.mark.parametrize(
    ("kind", "accepted", "algorithm"),
    [
        ("rsa", (), "rsa-sha2-512"),
        ("rsa", ("ssh-rsa", "rsa-sha2-256"), "rsa-sha2-256"),
        ("rsa", ("rsa-sha2-256", "rsa-sha2-512"), "rsa-sha2-512"),
        ("ecdsa", ("rsa-sha2-256",), "ecdsa-sha2-nistp256"),
    ],
)
def test_the_signature_algorithm(keys: Keys, kind: str, accepted: tuple[str, ...], algorithm: str) -> None:
    """sshd's list of what it takes is not narrowed by its own configuration, so this is asked without one."""
    file = KeyFile(str(keys.make("id", kind)))
    assert Identity("id", file.public, file).algorithm(accepted) == algorithm


def test_the_default_keys(client: MakeClient, keys: Keys, home: Path) -> None:
    rsa, ecdsa = keys.make("r", "rsa"), keys.make("e", "ecdsa")
    install(home, rsa, "id_rsa")
    install(home, ecdsa, "id_ecdsa")
    with started(Setup("sshd")) as server:
        admit(server, rsa)
        at(client, server)()
        assert re.search(r"Failed publickey.*ECDSA[^$]*Accepted publickey.*RSA", server.log())


@pytest.mark.parametrize("form", [[], ["-m", "PEM"], ["-Z", "aes256-gcm@openssh.com"]])
def test_an_encrypted_key(client: MakeClient, keys: Keys, form: list[str]) -> None:
    key = keys.make("id", "ecdsa", "open sesame", *form)
    with started(Setup("sshd")) as server:
        admit(server, key)
        at(client, server, identities=(str(key),), passphrase=lambda: Secret("open sesame"))()
        ask, asked = answering("wrong", "open sesame")
        opening = at(client, server, identities=(str(key),), ask=ask)
        opening()
        opening()
    assert [(question.kind, question.attempt) for question in asked] == [("passphrase", 1), ("passphrase", 2)]
    assert str(key) in asked[0].text


def test_an_encrypted_pem_key_without_its_public_half(client: MakeClient, keys: Keys) -> None:
    key = keys.make("id", "rsa", "open sesame", "-m", "PEM")
    with started(Setup("sshd")) as server:
        admit(server, key)
        key.with_name("id.pub").unlink()
        at(client, server, identities=(str(key),), passphrase=lambda: Secret("open sesame"))()


def test_a_wrong_passphrase(client: MakeClient, keys: Keys) -> None:
    key = keys.make("id", "ed25519", "open sesame")
    with started(Setup("sshd")) as server:
        admit(server, key)
        with pytest.raises(LoginRejected) as caught:
            at(client, server, identities=(str(key),), passphrase=lambda: Secret("nonsense"))()
        assert f"the passphrase does not fit the key {key}" in str(caught.value)
        assert "nonsense" not in str(caught.value)
        with pytest.raises(LoginRejected, match=f"there is no passphrase for the key {key}: FTPCLI_PASSPHRASE"):
            at(client, server, identities=(str(key),))()


@pytest.mark.parametrize("stored", ["open sesame", "nonsense", None])
def test_a_passphrase_from_the_keyring(
    client: MakeClient, keys: Keys, monkeypatch: pytest.MonkeyPatch, stored: str | None
) -> None:
    """It comes before the question, and what it has may be wrong."""
    key = keys.make("id", "ed25519", "open sesame")
    monkeypatch.chdir(key.parent)
    looked: list[str] = []

    def keyring(path: str) -> Secret | None:
        looked.append(path)
        return Secret(stored) if stored else None

    ask, asked = answering("open sesame")
    with started(Setup("sshd")) as server:
        admit(server, key)
        opening = at(client, server, identities=("id",), keyring=keyring, ask=ask)
        opening()
        opening()
    assert looked == [str(key)]
    prompt = "Passphrase for the key id: "
    doubt = "The passphrase in the system's keyring does not fit.\n"
    wanted = {"open sesame": [], "nonsense": [doubt + prompt], None: [prompt]}
    assert [question.text for question in asked] == wanted[stored]


def test_the_keyring_and_nobody_to_ask(client: MakeClient, keys: Keys) -> None:
    key, plain = keys.make("id", "ed25519", "open sesame"), keys.make("plain")
    with started(Setup("sshd")) as server:
        admit(server, key)
        with pytest.raises(LoginRejected) as caught:
            at(client, server, identities=(str(key),), keyring=lambda _: Secret("nonsense"))()
        assert f"the passphrase in the system's keyring does not fit the key {key}" in str(caught.value)
        assert "nonsense" not in str(caught.value)
        with pytest.raises(LoginRejected, match=r"there is no passphrase for the key .*, the system's keyring or an"):
            at(client, server, identities=(str(key),), keyring=lambda _: None)()
        stated = {"passphrase": lambda: Secret("open sesame"), "keyring": lambda _: pytest.fail("asked")}
        at(client, server, identities=(str(key),), **stated)()
        admit(server, plain)
        at(client, server, identities=(str(plain),), keyring=stated["keyring"])()


def test_no_passphrase_is_asked_for_a_key_that_the_server_does_not_want(client: MakeClient, keys: Keys) -> None:
    locked, good = keys.make("locked", "ed25519", "x"), keys.make("good")
    ask, asked = answering("x")
    with started(Setup("sshd")) as server:
        admit(server, good)
        at(client, server, identities=(str(locked), str(good)), ask=ask)()
    assert asked == []


def test_files_that_are_no_keys(client: MakeClient, keys: Keys, tmp_path: Path) -> None:
    text, broken, missing = tmp_path / "text", tmp_path / "broken", tmp_path / "missing"
    text.write_text("Hello\n")
    folder = tmp_path / "folder"
    folder.mkdir()
    broken.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
    with started(Setup("sshd")) as server, pytest.raises(LoginRejected) as caught:
        at(client, server, identities=tuple(map(str, (text, broken, missing, folder))))()
    said = str(caught.value)
    assert f"{text} is not a private key in OpenSSH or PEM form" in said
    assert f"{broken} is damaged" in said
    assert f"there is no key {missing}" in said
    assert f"{folder} cannot be read: is a directory" in said
    good = keys.make("good")
    with started(Setup("sshd")) as server:
        admit(server, good)
        at(client, server, identities=tuple(map(str, (text, broken, missing, good))))()


def test_a_key_that_ssh_config_names_and_that_is_not_there(client: MakeClient, tmp_path: Path) -> None:
    config = tmp_path / "ssh_config"
    config.write_text(f"IdentityFile {tmp_path}/missing\nIdentityFile ~/.ssh/id_rsa\n")
    with started(Setup("sshd")) as server, pytest.raises(LoginRejected) as caught:
        at(client, server, config=str(config))()
    assert f"there is no key {tmp_path}/missing" in str(caught.value)
    assert "id_rsa" not in str(caught.value), "many a config names the usual ones, whether they are there or not"


def test_a_rejected_key_says_what_was_tried(client: MakeClient, keys: Keys) -> None:
    key, other = keys.make("id"), keys.make("other")
    with started(Setup("sshd")) as server:
        admit(server, other)
        with pytest.raises(LoginRejected) as caught:
            at(client, server, identities=(str(key),))()
    place = f"127.0.0.1:{server.port}"
    assert str(caught.value) == (
        f"{place} does not let {server.user} in; tried: the key {key}; the server takes publickey"
    )
    assert caught.value.exit_code == 5


def test_a_user_certificate_beside_the_key(client: MakeClient, keys: Keys) -> None:
    authority, key = keys.make("ca"), keys.make("id")
    trusted = keys.folder / "ca.pub"
    with started(Setup("sshd", extra=(f"TrustedUserCAKeys {trusted}",))) as server:
        keys.certify(key, authority, server.user)
        at(client, server, identities=(str(key),))()
        assert "Accepted certificate" in server.log() or "ED25519-CERT" in server.log()


def test_a_certificate_named_in_ssh_config(client: MakeClient, keys: Keys, tmp_path: Path) -> None:
    authority, key = keys.make("ca"), keys.make("id", "rsa")
    trusted = keys.folder / "ca.pub"
    with started(Setup("sshd", extra=(f"TrustedUserCAKeys {trusted}",))) as server:
        certificate = keys.certify(key, authority, server.user).rename(tmp_path / "elsewhere.pub")
        config = tmp_path / "config"
        config.write_text(f"Host 127.*\nIdentityFile {key}\nCertificateFile {certificate}\n")
        at(client, server, config=str(config))()
        assert "RSA-CERT" in server.log()


def test_an_agent(client: MakeClient, keys: Keys, agent: Agent) -> None:
    made = [keys.make("a", "ecdsa"), keys.make("b", "rsa"), keys.make("c")]
    for key in made:
        agent.add(key)
    for key in made:
        with started(Setup("sshd")) as server:
            admit(server, key)
            at(client, server)()
            with pytest.raises(LoginRejected, match=r"tried: no key; .*; --identity names a key$"):
                at(client, server, agent=False)()


def test_an_agent_that_refuses_to_sign(
    client: MakeClient, keys: Keys, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """-c: somebody must confirm, and here nobody can. The next key has its turn."""
    monkeypatch.setenv("SSH_ASKPASS", "/bin/false")
    held, file = keys.make("held"), keys.make("file")
    agent.add(held, "-c")
    with started(Setup("sshd")) as server:
        admit(server, held, file)
        with pytest.raises(LoginRejected, match=r"the ssh-agent did not sign with held \(agent\)"):
            at(client, server)()
        at(client, server, identities=(str(file),))()


def test_a_gone_agent_is_no_trouble(client: MakeClient, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/nonexistent/agent")
    key = keys.make("id")
    with started(Setup("sshd")) as server:
        admit(server, key)
        at(client, server, identities=(str(key),))()


def test_the_agent_signs_for_an_encrypted_file(client: MakeClient, keys: Keys, agent: Agent) -> None:
    key = keys.make("id")
    agent.add(key)
    subprocess.run([openssh_tool("ssh-keygen"), "-q", "-p", "-P", "", "-N", "locked now", "-f", key], check=True)
    authority = keys.make("ca")
    with started(Setup("sshd", extra=(f"TrustedUserCAKeys {keys.folder / 'ca.pub'}",))) as server:
        admit(server, key)
        at(client, server, identities=(str(key),))()
        admit(server)
        keys.certify(key, authority, server.user)
        at(client, server, identities=(str(key),))()


def test_a_full_agent_does_not_hide_the_key_that_was_named(client: MakeClient, keys: Keys, agent: Agent) -> None:
    for number in range(8):
        agent.add(keys.make(f"a{number}"))
    key = keys.make("id")
    with started(Setup("sshd")) as server:
        admit(server, key)
        at(client, server, identities=(str(key),))()
        assert attempts(server) == 1


def test_never_a_sixth_attempt(client: MakeClient, keys: Keys, agent: Agent) -> None:
    for number in range(8):
        agent.add(keys.make(f"a{number}"))
    with started(Setup("sshd")) as server:
        admit(server)
        with pytest.raises(LoginRejected) as caught:
            at(client, server)()
        assert attempts(server) == 5
        assert "Too many authentication failures" not in server.log()
    said = str(caught.value)
    assert "5 keys were offered, 3 more were not" in said
    assert "--identity, or with IdentityFile and IdentitiesOnly" in said


def test_a_server_with_less_patience(client: MakeClient, keys: Keys, agent: Agent) -> None:
    for number in range(4):
        agent.add(keys.make(f"a{number}"))
    with started(Setup("sshd", extra=("MaxAuthTries 2",))) as server:
        admit(server)
        with pytest.raises(LoginRejected) as caught:
            at(client, server)()
    said = str(caught.value)
    assert "the server closed the connection" in said
    assert "2 keys were offered" in said
    assert "Too many authentication failures" in said


def test_identities_only(client: MakeClient, keys: Keys, agent: Agent, tmp_path: Path) -> None:
    for number in range(6):
        agent.add(keys.make(f"a{number}"))
    key = keys.make("id")
    config = tmp_path / "config"
    config.write_text(f"IdentitiesOnly yes\nIdentityFile {keys.folder / 'a3'}\nIdentityFile {key}\n")
    with started(Setup("sshd")) as server:
        admit(server, key)
        at(client, server, config=str(config))()
        assert attempts(server) == 2


def test_a_public_key_chooses_one_of_the_agent(client: MakeClient, keys: Keys, agent: Agent, tmp_path: Path) -> None:
    made = [keys.make(f"a{number}") for number in range(6)]
    for key in made:
        agent.add(key)
        key.unlink()
    config = tmp_path / "config"
    config.write_text(f"IdentitiesOnly yes\nIdentityFile {made[4]}\n")
    with started(Setup("sshd")) as server:
        admit(server, made[4])
        at(client, server, config=str(config))()
        at(client, server, config=str(config), identities=(f"{made[4]}.pub",))()
        assert attempts(server) == 2


def test_two_keys_one_after_the_other(client: MakeClient, keys: Keys) -> None:
    first, second = keys.make("a"), keys.make("b")
    with started(Setup("sshd", extra=("AuthenticationMethods publickey,publickey",))) as server:
        admit(server, first, second)
        at(client, server, identities=(str(first), str(second)))()
        admit(server, first)
        with pytest.raises(LoginRejected, match="takes publickey"):
            at(client, server, identities=(str(first), str(second)))()


@pytest.mark.parametrize("fits", [True, False])
def test_proftpd(client: MakeClient, fits: bool) -> None:
    """mod_sftp takes passwords, and asks for them by keyboard-interactive where it is told to."""
    with started(Setup("proftpd", tls="ssh")) as server:
        opening = at(client, server, password=server.password if fits else "wrong")
        if fits:
            opening()
        else:
            with pytest.raises(LoginRejected):
                opening()
