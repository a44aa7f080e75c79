"""Logging in: which method, with which key, how often. The order is OpenSSH's, and so is what counts as an attempt.

sshd closes the connection at the sixth failure (MaxAuthTries), a key that it would not take counting as one. So this
stops before, and keeps the last attempt for a password where there is one to try.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field

from ftpcli.errors import ConnectionLost, LoginRejected, TimedOut
from ftpcli.model import Ask, Question, Secret
from ftpcli.session.contract import HostMemory
from ftpcli.session.ssh.host_settings import Hop
from ftpcli.session.ssh.identities import CannotSign, Identities, Identity, describe
from ftpcli.session.ssh.transport import SshTransport
from ftpcli.session.ssh.userauth import Answer, Failure, Further, Prompts, Success, UserAuth, parse_prompts

log = logging.getLogger("ftpcli.ssh")

ATTEMPTS = 5
_TYPED = 3  # passwords asked for at the terminal, as in OpenSSH
_STEPS = 100  # bounds a server that calls every one of them half of what it wants
_ROUNDS = 20  # of questions in one keyboard-interactive dialogue
_KEYS, _PASSWORD, _DIALOGUE = METHODS = ("publickey", "password", "keyboard-interactive")
_FOR_PASSWORD = re.compile(r"(?!.*(?:one.time|otp|code|token)).*password", re.IGNORECASE | re.DOTALL)


class _LoggedIn(Exception):
    """The way out of whatever was being tried."""


@dataclass
class _Tried:
    """What was done so far: it decides what comes next, and the message in the end."""

    failures: int = 0
    offered: list[Identity] = field(default_factory=list)
    methods: dict[str, None] = field(default_factory=dict)
    spent: set[str] = field(default_factory=set)
    left_out: int = 0


class Passwords:
    """The password for one account: the one that is known, once, then what is typed, up to three times."""

    def __init__(self, account: str, known: Secret | None, memory: HostMemory, ask: Ask | None) -> None:
        self._account = account
        self._memory = memory
        self._known = known or memory.ssh_secrets.get(account)
        self._ask = ask
        self._typed = 0
        self._last: Secret | None = None
        self.sent = False
        self.refused = False

    @property
    def known(self) -> bool:
        return self._known is not None

    @property
    def left(self) -> bool:
        return self._known is not None or (self._ask is not None and self._typed < _TYPED)

    def next(self, text: str) -> Secret | None:
        """None when there is no other; ``text`` is the prompt."""
        if self._known is not None:
            found, self._known = self._known, None
            self.sent = True
            return found
        if self._ask is None or self._typed >= _TYPED:
            return None
        self._typed += 1
        self._last = self._ask(Question("password", text, self._typed))
        if self._last is None:
            self._ask = None
        self.sent = self.sent or self._last is not None
        return self._last

    def was_right(self) -> None:
        """Keep what was typed for the next connection."""
        if self._last is not None:
            self._memory.ssh_secrets[self._account] = self._last

    def was_wrong(self) -> None:
        self.refused = True
        self._memory.ssh_secrets.pop(self._account, None)


class Login:
    """One login on one connection."""

    def __init__(
        self,
        hop: Hop,
        transport: SshTransport,
        auth: UserAuth,
        identities: Identities,
        memory: HostMemory,
        ask: Ask | None,
    ) -> None:
        self._hop = hop
        self._transport = transport
        self._auth = auth
        self._identities = identities
        self._memory = memory
        self._ask = ask
        self._account = f"{hop.user}@{hop.place}"
        self._passwords = Passwords(self._account, hop.password, memory, ask)
        self._methods: tuple[str, ...] = ()
        self._tried = _Tried()
        self._candidates: list[Identity] = []

    def run(self) -> None:
        """Log in. Raises LoginRejected, ConnectionLost, TimedOut, PeerProtocolError, Stopped."""
        steps = {_KEYS: self._offer_next_key, _PASSWORD: self._try_password, _DIALOGUE: self._answer_questions}
        try:
            self._auth.begin()
            self._take(self._auth.none())
            log.debug("%s takes %s", self._hop.place, ", ".join(self._methods))
            self._tried.failures = 0  # sshd does not count the question for the methods either
            if _KEYS in self._methods:
                self._candidates = list(self._identities.in_order())
            for _ in range(_STEPS):
                method = self._next_method()
                if method is None:
                    break
                self._tried.methods[method] = None
                steps[method]()
        except _LoggedIn:
            log.info("%s: logged in as %s", self._hop.place, self._hop.user)
            return
        except ConnectionLost as error:
            # A lower MaxAuthTries. To guess on with the next connection would only get us banned.
            guessed = self._tried.offered or self._passwords.sent
            if guessed and not self._memory.logged_in and not isinstance(error, TimedOut):
                raise self._rejected("the server closed the connection", error.reply) from error
            raise
        raise self._rejected()

    def _next_method(self) -> str | None:
        """The first that the server takes and that is not used up."""
        if self._tried.failures >= ATTEMPTS:
            self._tried.left_out = len(self._candidates)
            return None
        return next((name for name in METHODS if name in self._methods and name not in self._tried.spent), None)

    def _take(self, answer: Answer) -> Answer:
        """Note what an answer means. Raises _LoggedIn."""
        if isinstance(answer, Success):
            raise _LoggedIn
        if isinstance(answer, Failure):
            self._methods = answer.methods
            self._tried.failures += not answer.partial
            if answer.partial:
                log.debug("%s wants one more proof: %s", self._hop.place, ", ".join(answer.methods))
        return answer

    def _offer_next_key(self) -> None:
        """Ask whether the key would do, and only then sign with it: a signature may cost a passphrase."""
        by_word = self._passwords.left and not {_PASSWORD, _DIALOGUE}.isdisjoint(self._methods)
        if not self._candidates or self._tried.failures >= ATTEMPTS - by_word:
            self._tried.left_out = len(self._candidates)
            self._tried.spent.add(_KEYS)
            return
        identity = self._candidates.pop(0)
        try:
            if identity.public is None:
                self._identities.unlock(identity)
            assert identity.public is not None
            algorithm = identity.algorithm(self._server_algorithms())
            log.debug("%s: offering %s (%s)", self._hop.place, identity.name, algorithm)
            self._tried.offered.append(identity)
            if not isinstance(self._take(self._auth.would_take(algorithm, identity.public)), Further):
                return
            self._identities.unlock(identity)
            signature = identity.sign(self._auth.signed_bytes(algorithm, identity.public), algorithm)
        except CannotSign as error:
            log.info("%s", error)
            self._identities.problems.append(str(error))
            return
        self._take(self._auth.public_key(algorithm, identity.public, signature))

    def _server_algorithms(self) -> tuple[str, ...]:
        raw: bytes = self._transport.server_extensions.get("server-sig-algs", b"")
        return tuple(raw.decode("ascii", "replace").split(","))

    def _try_password(self) -> None:
        password = self._passwords.next(f"Password for {self._hop.user} on {self._hop.place}: ")
        if password is None:
            self._tried.spent.add(_PASSWORD)
            return
        answer = self._judged(self._auth.password(password.reveal()))
        if isinstance(answer, Further):
            raise self._rejected("the server wants the password changed; log in with ssh once and do that")

    def _judged(self, answer: Answer) -> Answer:
        """Like ``_take``, for an answer to a password."""
        wrong = isinstance(answer, Failure) and not answer.partial
        if wrong:
            self._passwords.was_wrong()
        elif not isinstance(answer, Further):
            self._passwords.was_right()
        return self._take(answer)

    def _answer_questions(self) -> None:
        """One dialogue of keyboard-interactive. One hidden question is taken for the password; a password that the
        server refused already is not sent again this way."""
        if self._passwords.refused and not self._passwords.left:
            self._tried.spent.add(_DIALOGUE)
            return
        answer = self._take(self._auth.keyboard_interactive())
        for _ in range(_ROUNDS):
            if not isinstance(answer, Further):
                break
            replies = self._replies(parse_prompts(answer.content))
            if replies is None:
                break
            answer = self._judged(self._auth.respond(replies))
        if not isinstance(answer, Failure) or not self._passwords.left:
            self._tried.spent.add(_DIALOGUE)

    def _replies(self, asked: Prompts) -> list[str] | None:
        """None where nobody answers."""
        replies: list[str] = []
        about = "\n".join(filter(None, (asked.title.strip(), asked.instructions.strip())))
        for text, echo in asked.prompts:
            alone = len(asked.prompts) == 1 and not echo
            shown = f"{about}\n{text}" if about and not replies else text
            if alone and (self._passwords.known or _FOR_PASSWORD.match(text)):
                reply = self._passwords.next(f"{self._account}: {text}")
            else:
                question = Question("prompt", f"{self._account}: {shown}", hidden=not echo)
                reply = self._ask(question) if self._ask is not None else None
            if reply is None:
                return None
            replies.append(reply.reveal())
        return replies

    def _rejected(self, reason: str = "", reply: str | None = None) -> LoginRejected:
        """What was tried, what the server would take, and what could help."""
        tried = self._tried
        words = [f"{self._hop.place} does not let {self._hop.user} in"]
        if reason:
            words.append(reason)
        words.append(f"tried: {self._what_was_tried()}; the server takes {', '.join(self._methods) or 'nothing'}")
        words += self._identities.problems
        if _KEYS in tried.methods and not tried.offered and not self._identities.problems:
            words.append("--identity names a key")
        if _PASSWORD in tried.methods and not self._passwords.sent:
            words.append("FTPCLI_PASSWORD or --password-command gives a password")
        if tried.left_out or (reason and len(tried.offered) > 1):
            more = f"{tried.left_out} more were not, lest it close the connection" if tried.left_out else ""
            words.append(
                f"{len(tried.offered)} keys were offered{', ' + more if more else ''}: "
                "choose one with --identity, or with IdentityFile and IdentitiesOnly in ssh_config"
            )
        return LoginRejected("; ".join(words), reply=reply)

    def _what_was_tried(self) -> str:
        named = []
        for method in self._tried.methods:
            if method == _KEYS:
                named.append(describe(self._tried.offered))
            elif method == _PASSWORD:
                named.append("the password" if self._passwords.sent else "no password, for none is known")
            else:
                named.append(_DIALOGUE)
        return ", ".join(named) or "nothing"
