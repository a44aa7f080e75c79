"""Directories, and attributes as entries."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from ftpcli.errors import ListingTooLong, NotFound
from ftpcli.model import MAX_ENTRIES, Entry, Kind, Listing
from ftpcli.net.wait import StopSignal, check
from ftpcli.session.sftp.conversation import Conversation
from ftpcli.session.sftp.status_errors import refusal
from ftpcli.wire.sftp import requests
from ftpcli.wire.sftp.attributes import Attributes
from ftpcli.wire.sftp.codes import Code
from ftpcli.wire.sftp.replies import Handle, Name, Names, Status

# READDIRs on their way: a small directory needs two, the second to hear of its end; a large one is worth more.
_FIRST_AHEAD = 2
_MOST_AHEAD = 16
_AT_ONCE = 64
# Answers one after the other that tell no new name. One may be that of a file that was renamed meanwhile.
_MOST_STALE = 1
_DOTS = (b".", b"..")


def read_directory(
    conversation: Conversation, path: bytes, encoding: str, doing: str, stop: StopSignal | None = None
) -> Listing:
    """One directory, whole; looked at a second time where it is in doubt. Raises NotFound and what else the server
    refuses, ListingTooLong and Stopped."""
    listing = listing_of(names := _read_names(conversation, path, doing, stop), encoding)
    if listing.problems and len({name.filename for name in names}) < len(names):
        # Names may come twice while files are being renamed.
        listing = listing_of(_read_names(conversation, path, doing, stop), encoding)
    return _with_texts(conversation, path, listing, encoding, stop)


def _read_names(conversation: Conversation, path: bytes, doing: str, stop: StopSignal | None) -> list[Name]:
    try:
        handle = conversation.expect(requests.open_directory(path), Handle, doing).handle
    except NotFound as error:  # OpenSSH says the same of what is no directory
        raise NotFound(f"cannot {doing}: not found, or not a directory", reply=error.reply) from None
    read = requests.read_directory(handle)
    names: list[Name] = []
    seen: set[bytes] = set()
    stale = 0
    ahead = _FIRST_AHEAD
    waiting = deque(conversation.post(*[read] * ahead))
    while True:
        check(stop)
        reply = conversation.answer(waiting.popleft(), stop)
        if isinstance(reply, Status):
            break
        if not isinstance(reply, Names):
            raise conversation.nonsense(doing)
        if not reply.names:  # some servers end a directory so, and say EOF to nobody
            break
        names += reply.names
        before = len(seen)
        seen.update(name.filename for name in reply.names)
        stale = stale + 1 if len(seen) == before else 0
        if stale > _MOST_STALE or len(seen) > MAX_ENTRIES:
            conversation.healthy = False
            what = "the same names over and over" if stale else f"more than {MAX_ENTRIES} names"
            raise ListingTooLong(f"cannot {doing}: the server lists {what}")
        ahead = min(2 * ahead, _MOST_AHEAD)
        if len(waiting) <= ahead // 2:
            waiting.extend(conversation.post(*[read] * (ahead - len(waiting))))
    conversation.disregard(waiting)
    conversation.forget(requests.close(handle))
    if isinstance(reply, Status) and reply.code != Code.EOF:
        raise refusal(reply, doing)
    _settle(conversation, path, names, stop)
    return names


def _settle(conversation: Conversation, path: bytes, names: list[Name], stop: StopSignal | None) -> None:
    """Where the server told no kind (SolarWinds), OPENDIR does, and READLINK, since OPENDIR follows links: for many
    names in a round trip."""
    unknown = [
        (position, name)
        for position, name in enumerate(names)
        if name.kind is None and name.filename not in _DOTS and b"/" not in name.filename
    ]
    for start in range(0, len(unknown), _AT_ONCE):
        some = unknown[start : start + _AT_ONCE]
        paths = [path.rstrip(b"/") + b"/" + name.filename for _, name in some]
        texts = conversation.post(*map(requests.read_link, paths))
        handles = conversation.post(*map(requests.open_directory, paths))
        for (position, name), text, handle in zip(some, texts, handles, strict=True):
            is_link = isinstance(conversation.answer(text, stop), Names)
            is_directory = opened(conversation, handle, stop).ok
            kind = Kind.LINK if is_link else Kind.DIR if is_directory else Kind.FILE
            names[position] = replace(name, kind=kind)


def opened(conversation: Conversation, number: int, stop: StopSignal | None = None) -> Status:
    """Whether an OPENDIR found a directory: its status, OK for a handle, which is closed."""
    reply = conversation.answer(number, stop)
    if isinstance(reply, Handle):
        conversation.forget(requests.close(reply.handle))
        return Status(number, Code.OK)
    return conversation.wanted(reply, Status, "tell files from directories")


def _with_texts(
    conversation: Conversation, path: bytes, listing: Listing, encoding: str, stop: StopSignal | None
) -> Listing:
    """What the symbolic links say: for all of them in a round trip or a few, for none where there are none."""
    links = [entry.name for entry in listing.entries if entry.kind is Kind.LINK]
    texts: dict[str, str] = {}
    for start in range(0, len(links), _AT_ONCE):
        some = links[start : start + _AT_ONCE]
        paths = [path.rstrip(b"/") + b"/" + name.encode(encoding, "surrogateescape") for name in some]
        for name, number in zip(some, conversation.post(*map(requests.read_link, paths)), strict=True):
            reply = conversation.answer(number, stop)
            if not isinstance(reply, Names) or len(reply.names) != 1:
                continue
            if (text := decoded(reply.names[0].filename, encoding)) is not None:
                texts[name] = text
    if not texts:
        return listing
    entries = (replace(entry, target=texts.get(entry.name)) for entry in listing.entries)
    return replace(listing, entries=tuple(entries))


def listing_of(names: list[Name], encoding: str) -> Listing:
    """Without ``.`` and ``..``. Names that could lead out of the directory, or come twice, are problems."""
    entries, problems = [], []
    for name in names:
        if name.filename in _DOTS:
            continue
        text = decoded(name.filename, encoding)  # and then looked at: \\u002f is a slash in raw_unicode_escape
        if not text or "/" in text or "\0" in text or text in (".", ".."):
            problems.append(f"the server listed {name.filename!a}, which cannot be a name in a directory")
            continue
        entries.append(entry_of(text, name.attributes, name.kind or Kind.FILE))
    return Listing.of(entries, problems)


def decoded(raw: bytes, encoding: str) -> str | None:
    """Bytes that the encoding cannot read stand as surrogate escapes. None where it cannot read ASCII bytes, for which
    there are none: half a character of ISO-2022, say."""
    try:
        return raw.decode(encoding, "surrogateescape")
    except UnicodeDecodeError:
        return None


def entry_of(name: str, attributes: Attributes, kind: Kind) -> Entry:
    """Times are UTC and exact to the second (draft-ietf-secsh-filexfer-02 §5)."""
    mode = attributes.permissions
    return Entry(
        name,
        kind,
        size=attributes.size if kind is Kind.FILE else None,
        mtime=None if attributes.mtime is None else float(attributes.mtime),
        mode=None if mode is None else mode & 0o7777,
        owner=None if attributes.uid is None else str(attributes.uid),
        group=None if attributes.gid is None else str(attributes.gid),
    )
