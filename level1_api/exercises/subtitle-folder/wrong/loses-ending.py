"""The exam of level 1: a folder of recordings becomes subtitles and a report. No hints this time.

Each file of the folder is sent to the service once, in the order of the names. Into `out` go

    talk.ogg.srt    the subtitles of talk.ogg, a cue for each segment; no cue where nobody speaks
    report.json     a list with one entry for each file:
                    {"file": "talk.ogg", "seconds": 6.2, "words": 14, "error": ""}

`seconds` is the length of the sound, `words` counts the words of the text. A file that the service refuses
has the error's message in its entry, null for its seconds, 0 words and no subtitles; the files after it are
done all the same. Names may hold spaces and letters of any alphabet; files are UTF-8.

Do without level 1's own code; pysubs2 and what you wrote before are yours. Check with: ladder gate 1
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from openai import OpenAI, OpenAIError
from openai.types.audio import TranscriptionSegment
from pysubs2 import SSAEvent, SSAFile

from shared.clients import openai_client

MODEL = "pocketsphinx"


def to_srt(segments: Sequence[TranscriptionSegment]) -> str:
    """A subtitle for each segment, whose `start` and `end` are seconds, to the nearest millisecond."""
    subtitles = SSAFile()
    for segment in segments:
        begin, end = round(1000 * segment.start), round(1000 * segment.end)  # int() would cut
        subtitles.append(SSAEvent(begin, end, segment.text))
    return subtitles.to_string("srt")


def subtitle_folder(folder: Path, out: Path, client: OpenAI) -> None:
    """Transcribe every file of `folder`, and write subtitles and report into the folder `out`."""
    report: list[dict[str, object]] = []
    for file in sorted(folder.iterdir()):
        try:
            answer = client.audio.transcriptions.create(
                file=file, model=MODEL, response_format="verbose_json"
            )
        except OpenAIError as error:  # this file's failure is no reason to stop, but one to tell
            report.append({"file": file.name, "seconds": None, "words": 0, "error": str(error)})
            continue
        (out / f"{file.stem}.srt").write_text(to_srt(answer.segments or []), encoding="utf-8")
        words = len(answer.text.split())
        report.append({"file": file.name, "seconds": answer.duration, "words": words, "error": ""})
    (out / "report.json").write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    out = folder.with_name(f"{folder.resolve().name}-subtitles")
    out.mkdir(exist_ok=True)
    subtitle_folder(folder, out, openai_client())
    print((out / "report.json").read_text(encoding="utf-8"))
