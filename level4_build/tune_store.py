"""Where the trials of a search are kept: one database in the home, which a kill leaves whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from shared.errors import LadderError
from shared.files import home_folder

if TYPE_CHECKING:
    import optuna


@contextmanager
def opened(name: str, before_pruning: int, fresh: bool) -> Iterator[optuna.Study]:
    """The study of this name, made if it is not there, for this process alone.

    Args:
        before_pruning: complete trials before any is cut short.
        fresh: forget its trials first.

    Raises:
        LadderError: another search goes on in this home, or the database cannot be used.
    """
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folder = home_folder() / "level4"
    folder.mkdir(exist_ok=True)
    file = folder / "tune.db"
    with _alone(folder):
        try:
            storage = optuna.storages.RDBStorage(f"sqlite:///{file.as_posix()}")
            try:
                yield _study(storage, name, before_pruning, fresh)
            finally:
                storage.remove_session()
                storage.engine.dispose()
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError):
            raise LadderError(
                f"The trials in {file} cannot be read or written.",
                "Move that file away: the next search makes a new one.",
            ) from None


def _study(storage: optuna.storages.BaseStorage, name: str, before_pruning: int, fresh: bool) -> optuna.Study:
    """The study, in which nothing runs: what a dead process left running counts as stopped."""
    import optuna
    from optuna.trial import TrialState

    if fresh and name in optuna.get_all_study_names(storage):
        optuna.delete_study(study_name=name, storage=storage)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=before_pruning)
    study = optuna.create_study(
        study_name=name, storage=storage, direction="maximize", load_if_exists=True, pruner=pruner
    )
    for left in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(left.number, state=TrialState.FAIL)
    return study


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One search at a time: two would share the cores, and what runs is then known to be one's own."""
    lock = FileLock(folder / "tune.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise LadderError(
            "Another search for settings goes on in this home.", "Wait for it, or end it with Ctrl-C."
        ) from None
    try:
        yield
    finally:
        lock.release()
