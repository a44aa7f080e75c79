"""All tasks and all results of a run, and how a worker does one."""

from __future__ import annotations

from ftpcli.engine.tasks.check_names import CheckFree, CheckStored, FreeChecked, StoredChecked
from ftpcli.engine.tasks.context import Shared, TaskContext
from ftpcli.engine.tasks.copy_file import Copied, CopyFile
from ftpcli.engine.tasks.leftovers import Cleared, Recover, Sweep
from ftpcli.engine.tasks.list_pair import ListPair
from ftpcli.engine.tasks.make_link import LinkMade, MakeLink
from ftpcli.engine.tasks.pair import Listed
from ftpcli.engine.tasks.probe import Probe, Probed
from ftpcli.engine.tasks.recheck import Recheck, Rechecked
from ftpcli.engine.tasks.remove import Remove, Removed
from ftpcli.engine.tasks.rename_file import Asked, AskTime, Declined, Renamed, RenameFile
from ftpcli.engine.tasks.resolve import Resolve, Resolved
from ftpcli.engine.tasks.set_mode import ModeSet, SetMode
from ftpcli.engine.workers.worker import Worker

Task = (
    Resolve
    | ListPair
    | Probe
    | CheckFree
    | CheckStored
    | Recheck
    | CopyFile
    | MakeLink
    | SetMode
    | AskTime
    | RenameFile
    | Remove
    | Recover
    | Sweep
)
Result = (
    Resolved
    | Listed
    | Probed
    | FreeChecked
    | StoredChecked
    | Rechecked
    | Copied
    | LinkMade
    | ModeSet
    | Asked
    | Renamed
    | Declined
    | Removed
    | Cleared
)


class Perform:
    """``workers.messages.Perform`` for every task of a run."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def __call__(self, task: Task, worker: Worker, /) -> Result:
        return task.run(TaskContext(worker, self._shared))
