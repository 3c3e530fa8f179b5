"""Ask for the time of each word, and make a transcript in which one finds a place again.

Times come only if they are asked for, and one format alone carries them: `verbose_json`.

    ladder check formats

    lines(timed_words(client, clip))
    # ["[00:00] welcome to the first step of",
    #  "[00:01] the latter this is a voice",
    #  "[00:03] made by a machine"]
"""

from collections.abc import Sequence
from pathlib import Path

from openai import OpenAI
from openai.types.audio import TranscriptionWord

from level1_api.samples import sample
from shared.clients import openai_client

MODEL = "pocketsphinx"  # the engine in the box


def timed_words(client: OpenAI, path: Path) -> list[TranscriptionWord]:
    """The words spoken in the file at `path`, each with its `start` and `end` in seconds."""
    with path.open("rb") as file:
        answer = client.audio.transcriptions.create(
            file=file,
            model=MODEL,
            response_format="verbose_json",
            timestamp_granularities=["word"],
        )
    return answer.words or []  # None where no times of words were asked for


def lines(words: Sequence[TranscriptionWord], per_line: int = 6) -> list[str]:
    """Lines of `per_line` words, each behind the time at which its first word begins.

    The time is written [mm:ss], in whole seconds that have passed by then; minutes count on past 59.
    """
    found = []
    for first in range(0, len(words), per_line):
        line = words[first : first + per_line]
        minutes, seconds = divmod(round(line[0].start), 60)
        found.append(f"[{minutes:02}:{seconds:02}] {' '.join(word.word for word in line)}")
    return found


if __name__ == "__main__":
    print(*lines(timed_words(openai_client(), sample("greeting").path)), sep="\n")
