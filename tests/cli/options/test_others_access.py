"""A config file that can run commands must be nobody else's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ftpcli.cli.options.others_access import changeable_by_others

if TYPE_CHECKING:
    from tests.cli.conftest import Program

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
SOMEBODY = 12345
COMMANDS = ("password_command = 'echo pw'", "passphrase_command = 'echo pw'", "ssh_config = '/dev/null'")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "above" / "conf" / "config.toml"
    path.parent.mkdir(parents=True, mode=0o700)
    path.parent.parent.chmod(0o755)
    path.write_text("[profiles.w]\nurl = 'ftp://bob@127.0.0.1:1/'\npassword_command = 'echo pw'\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o444, 0o400])
def test_our_own_file(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert changeable_by_others(str(file)) is None


@pytest.mark.parametrize("mode", [0o620, 0o660, 0o664, 0o602, 0o666])
def test_a_file_that_others_may_write(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert changeable_by_others(str(file)) == f"others can write {file}: chmod go-w {file}"


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
@pytest.mark.parametrize("levels", [0, 1])
def test_a_directory_above_it_that_others_may_write(file: Path, mode: int, levels: int) -> None:
    folder = file.parents[levels]
    folder.chmod(mode)
    assert changeable_by_others(str(file)) == f"others can write {folder}: chmod go-w {folder}"


def test_in_a_directory_with_the_sticky_bit_ours_is_safe(file: Path) -> None:
    file.parent.chmod(0o1777)
    assert changeable_by_others(str(file)) is None


@needs_root
@pytest.mark.parametrize("levels", [None, 0, 1])
def test_what_belongs_to_another_user(file: Path, levels: int | None) -> None:
    its = file if levels is None else file.parents[levels]
    os.chown(its, SOMEBODY, -1)
    assert (changeable_by_others(str(file)) or "").startswith(f"{its} belongs to another user: chown 0 {its}")


def test_symbolic_links_are_followed(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative ones, one of a directory, and one that leads back up."""
    (tmp_path / "link").symlink_to("above")
    (tmp_path / "config.toml").symlink_to("link/conf/../conf/./config.toml")
    monkeypatch.chdir(tmp_path)
    assert changeable_by_others("config.toml") is None
    file.parent.chmod(0o777)
    assert changeable_by_others("config.toml") == f"others can write {file.parent}: chmod go-w {file.parent}"


@needs_root
def test_a_symbolic_link_of_another_user(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    os.chown(link, SOMEBODY, -1, follow_symlinks=False)
    assert f"{link} belongs to another user" in (changeable_by_others(str(link)) or "")


def test_symbolic_links_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert "too many symbolic links" in (changeable_by_others(str(tmp_path / "a")) or "")


def test_a_name_with_a_space_can_be_pasted(tmp_path: Path) -> None:
    path = tmp_path / "my config"
    path.touch()
    path.chmod(0o666)
    assert (changeable_by_others(str(path)) or "").endswith(f"chmod go-w '{path}'")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("table", ["[defaults]", "[profiles.other]"])
def test_the_command_is_not_run(run_ftpcli: Program, file: Path, tmp_path: Path, command: str, table: str) -> None:
    ran = tmp_path / "ran"
    file.write_text(
        f"[profiles.w]\nurl = 'ftp://bob@127.0.0.1:1/'\n{table}\n{command.replace('echo', f'touch {ran}')}\n"
    )
    assert run_ftpcli("ls", "w:", "--config", file).code == 3
    ran.unlink(missing_ok=True)
    file.chmod(0o664)
    done = run_ftpcli("ls", "w:", "--config", file)
    key = command.split(" ")[0]
    assert done.code == 2
    assert done.stderr == (
        f"ftpcli: {file}:4: {key} can run a command, and others can write {file}: chmod go-w {file}\n"
    )
    assert not ran.exists()


def test_without_a_command_it_may_be_anybodys(run_ftpcli: Program, file: Path) -> None:
    file.write_text("[profiles.w]\nurl = 'ftp://127.0.0.1:1/'\n")
    file.chmod(0o666)
    assert run_ftpcli("ls", "w:", "--config", file).code == 3
