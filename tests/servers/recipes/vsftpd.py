"""vsftpd as an ordinary user: local logins need root, so the login is `anonymous`, with every right there is for it."""

from __future__ import annotations

from tests.servers.recipes.recipe import Place, Recipe, Setup, refuse


def recipe(setup: Setup, place: Place) -> Recipe:
    refuse(setup, ssh=setup.tls == "ssh")
    config = place.file("vsftpd.conf", "".join(f"{line}\n" for line in (*_lines(setup, place), *setup.extra)))
    return Recipe([str(place.binary.path), str(config)], user="anonymous")


def _lines(setup: Setup, place: Place) -> list[str]:
    account = place.account.user
    lines = [
        "background=NO",
        f"listen={_yes(not setup.ipv6)}",
        f"listen_ipv6={_yes(setup.ipv6)}",
        f"{'listen_address6' if setup.ipv6 else 'listen_address'}={setup.host}",
        f"listen_port={place.port}",
        "run_as_launching_user=YES",
        f"ftp_username={account}",
        f"nopriv_user={account}",
        # Both need privileges; seccomp also kills sessions on newer kernels.
        "seccomp_sandbox=NO",
        "isolate=NO",
        "isolate_network=NO",
        "local_enable=NO",
        "anonymous_enable=YES",
        f"anon_root={place.root}",
        "allow_writeable_chroot=YES",
        "write_enable=YES",
        "anon_upload_enable=YES",
        "anon_mkdir_write_enable=YES",
        "anon_other_write_enable=YES",
        "anon_world_readable_only=NO",
        "anon_umask=022",
        "mdtm_write=YES",
        "ls_recurse_enable=YES",
        "use_localtime=NO",
        "delay_failed_login=0",
        # 0: as many as come. The defaults of older versions are 2000 and 50.
        f"max_clients={setup.max_clients or 0}",
        f"max_per_ip={setup.max_per_ip or 0}",
        "xferlog_enable=YES",
        "log_ftp_protocol=YES",
        f"vsftpd_log_file={place.folder / 'vsftpd.log'}",
    ]
    if setup.idle_timeout:
        lines.append(f"idle_session_timeout={setup.idle_timeout}")
    if setup.tls != "none":
        lines += _tls(setup, place)
    return lines


def _tls(setup: Setup, place: Place) -> list[str]:
    lines = [
        "ssl_enable=YES",
        "allow_anon_ssl=YES",
        "force_anon_logins_ssl=YES",
        "force_anon_data_ssl=YES",
        f"implicit_ssl={_yes(setup.tls == 'implicit')}",
        f"rsa_cert_file={place.pem()}",
        # The default, DES-CBC3-SHA, is one that current OpenSSL no longer has.
        "ssl_ciphers=HIGH",
        f"require_ssl_reuse={_yes(setup.require_reuse)}",
        "strict_ssl_read_eof=YES",
    ]
    if setup.client_certificate:
        lines += ["require_cert=YES", "validate_cert=YES", f"ca_certs_file={place.trusted()}"]
    return lines


def _yes(value: bool) -> str:
    return "YES" if value else "NO"
