"""Make the clips of this exam from our own texts, with the synthesisers of `level1_api/make_samples.py`.

    python level1_api/exercises/subtitle-folder/clips/make_clips.py

They are in the repository, so only a person who changes a text needs this.
"""

from __future__ import annotations

import json
from pathlib import Path

from level1_api.make_samples import make
from level1_api.sample_texts import Clip, Say

FOLDER = Path(__file__).parent

SHOES = "Leave your shoes at the door. The floor is wet."
MUSEUM = "The museum is open every day except Monday."
BUS = "The bus to the airport leaves every twenty minutes from the square."
DOG = "We found a small black dog near the school."

CLIPS = (
    Clip("shoes.ogg", "A notice at the door", "short", (Say("slt", SHOES, 2.0),)),  # ends in silence
    Clip("museum.ogg", "Opening days", "short", (Say("slt", MUSEUM),)),
    Clip("bus.ogg", "To the airport", "short", (Say("rms", BUS),)),
    Clip("dog.ogg", "Lost and found", "short", (Say("slt-hts", DOG),)),
)


def main() -> None:
    rows = [make(clip, FOLDER) for clip in CLIPS]
    said = {row["file"]: row["text"] for row in rows}
    (FOLDER / "texts.json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    for row in rows:
        print(f"{row['file']:12} {row['seconds']:5} s")


if __name__ == "__main__":
    main()
