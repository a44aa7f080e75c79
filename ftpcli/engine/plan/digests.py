"""What a run that goes by digests says about files that the server gave none of."""

from __future__ import annotations

from ftpcli.engine.job import Job
from ftpcli.engine.tasks.copy_file import Copied
from ftpcli.engine.tasks.recheck import Rechecked
from ftpcli.errors import FtpcliError, NoDigest
from ftpcli.session.contract import HostMemory

_NO_DIGEST = ("none", "size", "time")


class DigestReport:
    """For the coordinator's thread only."""

    def __init__(self, job: Job, host: HostMemory) -> None:
        self._rules = job.rules
        self._place = job.endpoint.place
        self._host = host
        self._without = 0
        self._first = ""
        self._missed = False

    def rechecked(self, result: Rechecked) -> None:
        if self._rules.compare == "checksum" and not result.by_digest:
            self._count(result.task.shown)

    def copied(self, result: Copied) -> None:
        if self._rules.verify == "checksum" and result.done.verified in _NO_DIGEST:
            self._count(result.task.shown)

    def _count(self, shown: str) -> None:
        self._without += 1
        self._first = self._first or shown

    def failed(self, error: FtpcliError) -> None:
        self._missed = self._missed or isinstance(error, NoDigest)

    def error(self) -> FtpcliError | None:
        """What ends a run that demands digests, though all else of it was done; None if none was missing."""
        return (
            NoDigest("the server gave no digest of some files, and --strict-compare demands one")
            if self._missed
            else None
        )

    def warning(self) -> str:
        """One for the whole run; empty if every file had its digest, or the lack of one is an error."""
        if self._rules.strict_compare:
            return ""
        instead = " and ".join(
            what
            for what, applies in (
                ("files of the same size are compared by their times", self._rules.compare == "checksum"),
                ("copies are verified by their size", self._rules.verify == "checksum"),
            )
            if applies
        )
        if self._host.offers_digests is False:
            return f"{self._place} offers no digests: {instead}; --strict-compare makes that an error"
        if not self._without:
            return ""
        files = "a file" if self._without == 1 else f"{self._without} files"
        return f"{self._place} gave no digest of {files} ({self._first}), and {instead}"
