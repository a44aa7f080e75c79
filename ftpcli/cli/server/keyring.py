"""Passphrases of encrypted SSH keys from the system's keyring, where the library ``keyring`` is installed.

The library is loaded when the first such key is met, and nothing that it or the keyring does can stop a login.
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
# Seconds. A locked keyring asks the person to open it; without a desktop to ask on, secretstorage waits for ever.
_PATIENCE = 60.0
_SLICE = 0.2  # how long a stop may have to wait


class SystemKeyring:
    """Asked once about each key and, having failed, not again in this run. ``patience``: seconds for one answer."""

    def __init__(self, patience: float = _PATIENCE) -> None:
        self._patience = patience
        self._known: dict[str, Secret | None] = {}
        self._failed = False

    def passphrase(self, path: str) -> Secret | None:
        """What is stored for the key file of that absolute path; None where nothing is, or the keyring cannot tell.
        May be called from any thread. Raises Stopped."""
        with TERMINAL.lent():  # there are keyrings that ask for their own password there
            if path not in self._known:
                self._known[path] = None if self._failed else self._wait_for(path)
            return self._known[path]

    def _wait_for(self, path: str) -> Secret | None:
        answers: queue.SimpleQueue[tuple[Secret | None, str]] = queue.SimpleQueue()
        # In a thread of its own, which may stay behind: the call has no time limit, and nothing can end it.
        threading.Thread(target=lambda: answers.put(_look_up(path)), name="keyring", daemon=True).start()
        until = time.monotonic() + self._patience
        while True:
            TERMINAL.check()
            try:
                found, trouble = answers.get(timeout=min(_SLICE, self._patience))
                break
            except queue.Empty:
                if time.monotonic() >= until:
                    found, trouble = None, f"it gave no answer for {self._patience:g} seconds"
                    break
        if trouble:
            self._failed = True
            log.info("the system's keyring is of no use: %s", trouble)
        elif found is None:
            log.info("the system's keyring has no passphrase for %s (service %s)", path, SERVICE)
        return found


def _look_up(path: str) -> tuple[Secret | None, str]:
    """The passphrase, and what is wrong where something is."""
    # Else a backend that cannot be loaded shows its traceback on the terminal.
    logging.getLogger("keyring").addHandler(logging.NullHandler())
    quotable: type[BaseException] = BaseException
    try:
        import keyring

        backend = keyring.get_keyring()
        # From here on the words of other errors may quote what was read.
        quotable = keyring.errors.KeyringError
        word = backend.get_password(SERVICE, path)
    except BaseException as error:  # backends are anyone's code; some are not even Python's
        if isinstance(error, ModuleNotFoundError) and error.name == "keyring":
            return None, "the Python library keyring is not installed"
        words = str(error) if isinstance(error, quotable) else ""
        return None, words or type(error).__name__
    return (Secret(word) if word else None), ""
