"""How wrong is a transcript? The word error rate, by hand.

WER = the fewest words to substitute, leave out or invent, divided by the words that were said. Two texts
that a listener would call the same must count as the same, so they are normalised first. Over many clips
errors and words are summed first and divided once: a long clip counts for more than a short one.

    wer([("The cat sat.", "the cat sat")])          0.0: a full stop cannot be heard
    wer([("the cat sat", "the cat sat down")])      0.333…: one word invented, of three that were said

Do without jiwer and without level 1's own code. Check with: ladder check score
"""


def normalise(text: str) -> list[str]:
    """The words of a text: small letters of any alphabet, digits, and apostrophes inside a word ("don't").

    Every other character parts words, as a space does.
    """
    return "".join(c if c.isalnum() else " " for c in text.lower()).split()


def errors(said: list[str], heard: list[str]) -> int:
    """The fewest substituted, left out and invented words that turn what was said into what was heard."""
    row = list(range(len(heard) + 1))  # nothing was said: each word heard is invented
    for i, word in enumerate(said, 1):
        above, row = row, [i]  # nothing was heard: each word said is left out
        for j, other in enumerate(heard, 1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (word != other)))
    return row[-1]


def wer(clips: list[tuple[str, str]]) -> float:
    """The word error rate over clips, each (what was said, what was heard). At least one word was said."""
    pairs = [(normalise(said), normalise(heard)) for said, heard in clips]
    return sum(errors(said, heard) for said, heard in pairs) / sum(len(said) for said, _ in pairs)


if __name__ == "__main__":
    said = "Please wear a warm jacket."
    for heard in ("please wear a warm jacket", "please flair alarms hack at"):
        print(f"{wer([(said, heard)]):.0%}  {heard}")
