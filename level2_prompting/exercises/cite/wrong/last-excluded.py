r"""A model quotes a document. Where exactly are these words? Only what is found is shown as proven.

Models write a line break as a space and a curly quotation mark as a straight one. Such differences are folded
away on both sides; letters, their case and all other signs have to be the same. Places count from the
beginning of the document, although only the passage document[start:end] was shown to the model.

    document = "Tides.\n\nThey call it “slack\nwater” here."
    locate('"slack water"', document, 8, 40)      (21, 34), for document[21:34] == "“slack\nwater”"
    locate("high water", document, 8, 40)         None

Check with: ladder check cite
"""

PLAIN = {"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'"}


def fold(text: str) -> tuple[str, list[int]]:
    """The text with each run of whitespace as one space and straight quotation marks.

    Also, for each character of that, the index in `text` that it comes from; of a run its first.
    """
    folded: list[str] = []
    places: list[int] = []
    for place, sign in enumerate(text):
        sign = " " if sign.isspace() else PLAIN.get(sign, sign)
        if sign == " " and folded[-1:] == [" "]:
            continue
        folded.append(sign)
        places.append(place)
    return "".join(folded), places


def locate(quote: str, document: str, start: int, end: int) -> tuple[int, int] | None:
    """Start and end, in the document, of the first place in document[start:end] that reads like the quote.

    None if there is none; and for a quote of nothing but whitespace, since that proves nothing.
    """
    wanted = fold(quote)[0].strip()
    folded, places = fold(document[start:end])
    at = folded.find(wanted)
    if not wanted or at < 0:
        return None
    last = at + len(wanted) - 1  # the last character is inside the passage, the one after it may not be
    return start + places[at], start + places[last]


if __name__ == "__main__":
    document = "# Tides\n\nThe sailors call it “slack\n   water”, and it’s short."
    for quote in ('"slack water"', "it's short", "Slack water"):
        found = locate(quote, document, 9, len(document))
        print(f"{quote:15} {found}  {document[slice(*found)] if found else 'not proven'!r}")
