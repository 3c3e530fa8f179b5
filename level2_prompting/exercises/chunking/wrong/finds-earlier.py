"""Cut a document into passages that a search can find, and keep the place of each.

A passage has at most `size` characters, and no whitespace at either end. It ends at the best place that it
can reach, and of equally good places at the last: before an empty line, after a sentence, before whitespace,
or where there is none of these after exactly `size` characters. Its offset is where it begins.

    split("One two. Three four.", size=12)      [("One two.", 0), ("Three four.", 9)]

Check with: ladder check chunking
"""

import re

# Where a passage may end, the best place first; the end is where the match begins.
PLACES = [re.compile(r"\n\n"), re.compile(r"(?<=[.!?])\s"), re.compile(r"\s")]


def cut(text: str, start: int, size: int) -> int:
    """Where the passage ends that begins at `start`, at a sign that is no whitespace."""
    if len(text) <= start + size:
        return len(text)
    for place in PLACES:
        # The match itself is outside the passage, so it may lie past the limit.
        ends = [match.start() for match in place.finditer(text, start, start + size + 2)]
        within = [end for end in ends if end <= start + size]
        if within:
            return within[-1]
    return start + size


def split(text: str, size: int) -> list[tuple[str, int]]:
    """The passages in order, each with its offset: text[offset : offset + len(passage)] == passage."""
    passages: list[tuple[str, int]] = []
    start = 0
    while start < len(text):
        if text[start].isspace():
            start += 1
            continue
        end = cut(text, start, size)
        passage = text[start:end].rstrip()
        passages.append((passage, text.find(passage)))
        start = end
    return passages


if __name__ == "__main__":
    for passage, start in split("Tides rise twice a day.\n\nThe moon pulls. So does the sun, but less.", 30):
        print(f"{start:3}  {passage!r}")
