"""Passphrases of encrypted SSH keys from the system's keyring, where the library ``keyring`` is installed.

The library is loaded for the first encrypted key. No error in it or in the keyring ends a login.
"""

from __future__ import annotations

import logging
import queue
import threading
import time

from ftpcli.cli.output.terminal import TERMINAL
from ftpcli.model import Secret

log = logging.getLogger("ftpcli.ssh")

SERVICE = "ftpcli"
# Seconds. A locked keyring asks the user to unlock it; without a desktop, secretstorage waits for ever.
_TIMEOUT = 60.0
_STOP_CHECK = 0.2  # seconds from one look at the stop token to the next


class SystemKeyring:
    """Asks once for each key, and no more after a failure. ``timeout``: seconds to wait for an answer."""

    def __init__(self, timeout: float = _TIMEOUT) -> None:
        self._timeout = timeout
        self._known: dict[str, Secret | None] = {}
        self._failed = False

    def passphrase(self, path: str) -> Secret | None:
        """The passphrase stored for the key file with this absolute path, or None.

        May be called from any thread. Raises Stopped.
        """
        with TERMINAL.lent():  # some keyrings ask for their own password there
            if path not in self._known:
                self._known[path] = None if self._failed else self._wait_for(path)
            return self._known[path]

    def _wait_for(self, path: str) -> Secret | None:
        answers: queue.SimpleQueue[tuple[Secret | None, str]] = queue.SimpleQueue()
        # In a daemon thread that may outlive this call: the library offers no timeout and no way to cancel.
        threading.Thread(target=lambda: answers.put(_look_up(path)), name="keyring", daemon=True).start()
        until = time.monotonic() + self._timeout
        while True:
            TERMINAL.check()
            try:
                found, problem = answers.get(timeout=min(_STOP_CHECK, self._timeout))
                break
            except queue.Empty:
                if time.monotonic() >= until:
                    found, problem = None, f"it gave no answer for {self._timeout:g} seconds"
                    break
        if problem:
            self._failed = True
            log.info("cannot use the system's keyring: %s", problem)
        elif found is None:
            log.info("the system's keyring has no passphrase for %s (service %s)", path, SERVICE)
        return found


def _look_up(path: str) -> tuple[Secret | None, str]:
    """The passphrase, or None; and what went wrong, or ``""``."""
    # Otherwise a backend that cannot be loaded prints its traceback on the terminal.
    logging.getLogger("keyring").addHandler(logging.NullHandler())
    quotable: type[BaseException] = BaseException
    try:
        import keyring

        backend = keyring.get_keyring()
        # From here on the text of other errors may quote a secret.
        quotable = keyring.errors.KeyringError
        passphrase = backend.get_password(SERVICE, path)
    except BaseException as error:  # backends are third-party code, and some raise what is no Exception
        if isinstance(error, ModuleNotFoundError) and error.name == "keyring":
            return None, "the Python library keyring is not installed"
        words = str(error) if isinstance(error, quotable) else ""
        return None, words or type(error).__name__
    return (Secret(passphrase) if passphrase else None), ""
