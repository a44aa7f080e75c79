"""The options that several commands share, each declared once. Config keys and the man pages follow from these."""

from __future__ import annotations

from collections.abc import Callable

import click

from ftpcli.cli.options.arguments import ProfileArgument
from ftpcli.cli.options.base import F, option
from ftpcli.cli.options.types import (
    Charset,
    Count,
    Duration,
    File,
    IpAddress,
    Moment,
    Pattern,
    Pin,
    PortRange,
    PositiveDuration,
    Size,
    Text,
)
from ftpcli.engine.job import Job
from ftpcli.model import Timing


def _together(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    def apply(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


def _choice(*values: str) -> click.Choice[str]:
    return click.Choice(values)


_FILE = File()
_TIMING = Timing()


def _login_options() -> Callable[[F], F]:
    section = "Login"
    return _together(
        option("--user", type=Text(), metavar="NAME", section=section, help="Log in as NAME."),
        option("--password-file", type=_FILE, metavar="F", section=section,
               help="Take the password from the first line of F; - is standard input."),
        option("--password-command", type=Text(), metavar="CMD", section=section, runs_command=True,
               help="Run CMD (no shell) and take the first line it prints as the password."),
        option("--netrc/--no-netrc", default=True, section=section, help="Look in ~/.netrc (default: yes)."),
    )  # fmt: skip


def _tls_options() -> Callable[[F], F]:
    section = "TLS"
    return _together(
        option("--tls", type=_choice("explicit", "implicit", "none"), section=section,
               help="When TLS starts; for profiles and odd ports (default: as the URL says)."),
        option("--cafile", type=_FILE, metavar="F", section=section, help="Trust the CA certificates in F (PEM)."),
        option("--pin", type=Pin(), multiple=True, metavar="sha256:DIGEST", section=section,
               help="Trust just the server whose certificate, its public key, or SSH host key has this SHA-256: in "
               "hexadecimal for TLS, in base64 for SSH. May be repeated."),
        option("--cert", type=_FILE, metavar="F", section=section, help="Client certificate (PEM)."),
        option("--key", type=_FILE, metavar="F", section=section, help="Private key of --cert, if not in it."),
        option("--tls-min", type=_choice("1.2", "1.3"), default="1.2", section=section, help="Lowest version [1.2]."),
        option("--tls-max", type=_choice("1.2", "1.3"), default="1.3", section=section, help="Highest version [1.3]."),
        option("--insecure", is_flag=True, section=section, help="Do not verify the server's certificate or host key."),
    )  # fmt: skip


def _ssh_options() -> Callable[[F], F]:
    section = "SSH"
    return _together(
        option("--identity", type=_FILE, multiple=True, metavar="F", section=section,
               help="Log in with the private key in F, before all others. May be repeated."),
        option("--passphrase-command", type=Text(), metavar="CMD", section=section, runs_command=True,
               help="Run CMD (no shell) and take the first line it prints as the passphrase of encrypted keys."),
        option("--no-agent", is_flag=True, section=section, help="Do not use the keys of ssh-agent."),
        option("--known-hosts", type=_FILE, metavar="F", section=section,
               help="Read host keys from F in place of ~/.ssh/known_hosts."),
        option("--accept-new-host-key", is_flag=True, section=section,
               help="Store the key of a host that is not known yet; one that changed is refused all the same."),
        option("--ssh-config", type=_FILE, metavar="F", section=section, runs_command=True,
               help="Read F in place of ~/.ssh/config and the system's; none reads no such file."),
    )  # fmt: skip


def _data_options() -> Callable[[F], F]:
    section = "Data connections"
    return _together(
        option("--active/--passive", default=False, section=section, help="Who opens data connections [passive]."),
        option("--data-mode", type=_choice("auto", "epsv", "pasv", "eprt", "port"), default="auto", section=section,
               help="The command to set data connections up with [auto]."),
        option("--active-ports", type=PortRange(), metavar="LO-HI", section=section,
               help="Listen on these ports in active mode."),
        option("--active-address", type=IpAddress(), metavar="IP", section=section,
               help="Announce this address in active mode."),
        option("--pasv-address", type=_choice("auto", "reply", "peer"), default="auto", section=section,
               help="Where to connect after PASV: the address it names, or the server's own [auto]."),
        option("-4", "--ipv4", is_flag=True, section=section, help="Use IPv4 only."),
        option("-6", "--ipv6", is_flag=True, section=section, help="Use IPv6 only."),
    )  # fmt: skip


def _connection_options() -> Callable[[F], F]:
    section = "Staying connected"
    return _together(
        option("--timeout", type=PositiveDuration(), default=_TIMING.idle, metavar="S", section=section,
               help="Seconds to connect, and to wait while no byte moves [60]."),
        option("--final-reply-timeout", type=PositiveDuration(), default=_TIMING.final_reply, metavar="S",
               section=section, help="Seconds to wait for the server's word after the data [60]."),
        option("--keepalive", type=Duration(), default=_TIMING.keepalive, metavar="S", section=section,
               help="Send NOOP on a control connection idle for S seconds; 0 is off [30]."),
        option("--keepalive-in-transfer", type=_choice("auto", "on", "off"), default=_TIMING.keepalive_in_transfer,
               section=section, help="Do so also while a transfer runs [auto]."),
        option("--retries", type=Count(min=0), default=Job.retries, metavar="N", section=section,
               help="Try again up to N times without progress [3]."),
        option("--retry-wait", type=Duration(), default=Job.retry_wait, metavar="S", section=section,
               help="Seconds before the first new try; grows with each [1]."),
        option("--deadline", type=PositiveDuration(), metavar="S", section=section,
               help="Stop in order after S seconds (30m, 2h); the next run goes on from there. Exit code 11."),
        option("--encoding", type=Charset(), default="utf-8", metavar="NAME", section=section,
               help="How the server writes names [utf-8]."),
    )  # fmt: skip


def output_options() -> Callable[[F], F]:
    section = "Output"
    return _together(
        option("-q", "--quiet", is_flag=True, section=section, help="Only warnings and errors."),
        option("-v", "--verbose", count=True, section=section, help="Say more; -vv also shows the protocol."),
        option("--progress", type=_choice("auto", "bar", "plain", "none"), default="auto", section=section,
               help="How to show progress [auto: bars on a terminal]."),
        option("--color", type=_choice("auto", "always", "never"), default="auto", section=section,
               help="When to use colour [auto; NO_COLOR is honoured]."),
        option("--log-file", type=_FILE, metavar="F", section=section, help="Append a log of the run to F."),
    )  # fmt: skip


def report_option() -> Callable[[F], F]:
    return option("--report", type=_FILE, metavar="FILE", section="Output",
                  help="Write what happens to FILE as JSON lines, the summary last.")  # fmt: skip


def json_options() -> Callable[[F], F]:
    """--json and --report, for commands that write no data to standard output."""
    json = option("--json", is_flag=True, section="Output",
                  help="Write what happens to standard output as JSON lines, the summary last.")  # fmt: skip
    return _together(json, report_option())


def config_option() -> Callable[[F], F]:
    return option("--config", type=_FILE, metavar="F", section="Config", in_profile=False,
                  help="Read F in place of the default config file.")  # fmt: skip


def _config_options() -> Callable[[F], F]:
    profile = option("--profile", type=ProfileArgument(), metavar="NAME", section="Config", in_profile=False,
                     help="Take what the command line leaves open from this profile.")  # fmt: skip
    return _together(config_option(), profile)


def work_options() -> Callable[[F], F]:
    """For commands that move many files."""
    section = "Work"
    return _together(
        option("--parallel", type=Count(min=1, max=256), default=Job.parallel, metavar="N", section=section,
               help="Transfer N files at a time [4]."),
        option("--max-connections", type=Count(min=1), metavar="N", section=section,
               help="Never hold more than N connections to the server."),
        option("--limit-rate", type=Size(), metavar="RATE", section=section,
               help="Move RATE bytes a second at most, all workers together (500k, 2M)."),
    )  # fmt: skip


def connecting_options() -> Callable[[F], F]:
    """For every command that talks to a server."""
    return _together(
        _login_options(),
        _tls_options(),
        _ssh_options(),
        _data_options(),
        _connection_options(),
        output_options(),
        _config_options(),
    )


def filter_options() -> Callable[[F], F]:
    """For commands that go through trees; ``filter_rules`` reads them."""
    section = "Filters"
    return _together(
        option("--include", type=Pattern(), multiple=True, metavar="PATTERN", section=section,
               help="Take what matches (gitignore syntax). The last match decides; where the first one of all is an "
               "include, nothing else is taken."),
        option("--exclude", type=Pattern(), multiple=True, metavar="PATTERN", section=section,
               help="Leave alone what matches, on both sides, and all that is in it."),
        option("--filter-from", type=_FILE, multiple=True, metavar="F", section=section,
               help="Take patterns from F, one a line: excludes, or with a leading ! includes."),
        option("--min-size", type=Size(), metavar="SIZE", section=section, help="Only files from SIZE on, as 10k."),
        option("--max-size", type=Size(), metavar="SIZE", section=section, help="Only files up to SIZE, as 1.5G."),
        option("--newer-than", type=Moment(), metavar="WHEN", section=section,
               help="Only files changed since WHEN: 7d or 12h ago, or 2026-01-31[T18:00]."),
        option("--older-than", type=Moment(), metavar="WHEN", section=section, help="Only files changed before WHEN."),
    )  # fmt: skip


def attribute_options() -> Callable[[F], F]:
    """For commands that transfer trees: symbolic links and permissions."""
    return _together(
        option("--symlinks", type=_choice("skip", "follow", "copy"), default="skip",
               help="Leave symbolic links out, take what they lead to, or make the links themselves [skip]."),
        option("--perms/--no-perms", default=False, help="Give copies the permissions of their sources [no-perms]."),
    )  # fmt: skip


def resume_option() -> Callable[[F], F]:
    return option("--resume/--no-resume", default=True, help="Continue part files of an earlier run [resume].")


def ascii_option() -> Callable[[F], F]:
    return option("--ascii", is_flag=True,
                  help="Files are text: line ends are translated. As ;type=a in an FTP URL.")  # fmt: skip


def in_place_option() -> Callable[[F], F]:
    return option("--in-place", is_flag=True, help="Upload to the final name; no part file, no rename.")


def no_glob_option() -> Callable[[F], F]:
    return option("--no-glob", is_flag=True, help="Take * ? [ in a path as they are.")
