"""Many files, a few at a time; a stopped batch goes on where it was, and nothing is paid twice.

    for outcome in batch(find_audio(Path("talks"))):
        print(outcome.path, outcome.result or outcome.error)

Each transcript is kept under a name made of the file's content and of everything that shaped the answer.
A renamed copy is found again, also in another format; a changed setting is asked anew.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from level1_api.audio import find_audio
from level1_api.plan import Options, plan
from level1_api.transcribe import Result, transcribe
from shared.at_once import a_few_at_once
from shared.clients import openai_client
from shared.errors import LadderError
from shared.files import write_atomic
from shared.settings import settings

if TYPE_CHECKING:
    from openai import OpenAI

__all__ = ["Outcome", "batch", "find_audio"]

CACHE_VERSION = 2  # raise it when the same answer would now be made differently


@dataclass(frozen=True)
class Outcome:
    """What became of one file: a result, or the reason why there is none."""

    path: Path
    result: Result | None = None
    error: LadderError | None = None


def batch(
    paths: Iterable[str | Path],
    options: Options | None = None,
    *,
    at_once: int = 2,
    client: OpenAI | None = None,
    on_done: Callable[[Outcome, int, int], None] = lambda outcome, done, total: None,
    say: Callable[[str], None] = lambda sentence: None,
) -> list[Outcome]:
    """Transcribe files, and go on past those that fail.

    Args:
        paths: files; one that occurs twice, or twice the same content, is done once.
        options: the same for all.
        at_once: how many are asked for at a time.
        client: an `openai.OpenAI`; by default that of the options' provider.
        on_done: gets each outcome, how many are done and how many there are. Called by one thread.
        say: told each note and each retry. Called by several threads.

    Returns:
        one outcome a path, in the order of the paths.

    Raises:
        KeyboardInterrupt: at once; what was finished stays in the cache, and the message counts it.
        BadUsage: the options cannot be.
    """
    options = options or Options()
    made = plan(options)  # wrong options stop the batch before it begins
    options = replace(options, provider=made.provider, model=made.model, stream=False)
    client = client or openai_client(made.provider)
    where = "local" if made.provider == "local" else str(client.base_url)  # the local port changes

    files = [Path(p) for p in paths]
    outcomes: dict[int, Outcome] = {}
    same: dict[str, list[int]] = {}  # the cache's key → the places in `files` that share it

    def finish(places: list[int], result: Result | None, error: LadderError | None) -> None:
        for n, place in enumerate(places):
            own = (
                result.model_copy(update={"name": files[place].name, "cached": True})
                if result and n
                else result
            )
            outcomes[place] = Outcome(files[place], own, error)
            on_done(outcomes[place], len(outcomes), len(files))

    for place, file in enumerate(files):
        try:
            same.setdefault(cache_key(file, options, where), []).append(place)
        except LadderError as error:
            finish([place], None, error)

    for note in made.notes:  # true of every file: said once
        say(note)

    def tell(sentence: str) -> None:
        if sentence not in made.notes:
            say(sentence)

    waiting: list[str] = []
    for key, places in same.items():
        if found := recall(key):
            finish(
                places, found.model_copy(update={"name": files[places[0]].name, "output": made.output}), None
            )
        else:
            waiting.append(key)

    stop = threading.Event()

    def work(key: str) -> tuple[str, Result | None, LadderError | None]:
        try:
            result = transcribe(files[same[key][0]], options, client=client, say=tell, stop=stop)
            keep(key, result)
        except Exception as error:
            return key, None, _as_ladder_error(error)
        return key, result, None

    try:
        for key, result, failure in a_few_at_once(waiting, work, at_once):
            finish(same[key], result, failure)
    except KeyboardInterrupt:
        kept = sum(len(places) for key, places in same.items() if cache_file(key).is_file())
        raise KeyboardInterrupt(
            f"Stopped: {kept} of {len(files)} files are done and kept. Type the same command again to go on."
        ) from None
    finally:
        stop.set()  # what is still under way need not be tried again
    return [outcomes[place] for place in range(len(files))]


def _as_ladder_error(error: Exception) -> LadderError:
    """A failure that nobody foresaw stops its own file, not the batch."""
    return (
        error
        if isinstance(error, LadderError)
        else LadderError(f"It failed: {type(error).__name__}: {error}")
    )


# The cache -------------------------------------------------------------------------------------------


def cache_key(file: Path, options: Options, where: str) -> str:
    """A name for the answer to this content, asked in this way at this place.

    The format is no part of it: every format is rendered from one answer.

    Raises:
        LadderError: if the file cannot be read.
    """
    try:
        with file.open("rb") as opened:
            content = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise LadderError(f"{file} cannot be read: {reason}.", "Check the name and the folder.") from None
    made = plan(options)
    asked = [made.provider, made.request, options.chunk_s, options.overlap_s]
    told = json.dumps([CACHE_VERSION, content, where, asked], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def cache_file(key: str) -> Path:
    return settings().home / "cache" / "level1" / key[:2] / f"{key}.json"


def recall(key: str) -> Result | None:
    """The result that was kept, or None. A file that cannot be read counts as not there."""
    try:
        kept = Result.model_validate_json(cache_file(key).read_text(encoding="utf-8"))
    except (OSError, ValueError, ValidationError):
        return None
    return kept.model_copy(update={"cached": True})


def keep(key: str, result: Result) -> None:
    """Keep a result, whole or not at all."""
    write_atomic(cache_file(key), result.model_dump_json())
