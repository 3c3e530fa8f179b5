"""Citations are read right however an answer is cut into pieces, and mean what the plain reading says."""

from __future__ import annotations

import re
from itertools import groupby, pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from level2_prompting.citations import BEGUN, LONGEST, MARKER, Citation, Citations, End, Event, Text, lines
from shared.grounding import Cited, quoted

SOURCES = ("S1", "S2", "S3")


def read(pieces: list[str]) -> list[Event]:
    """All events; text that comes in a row is one."""
    reading = Citations(SOURCES)
    events = [event for piece in pieces for event in reading.feed(piece)] + reading.end()
    joined: list[Event] = []
    for is_code, run in groupby(events, key=lambda e: e.code if isinstance(e, Text) else None):
        together = list(run)
        if is_code is None:
            joined += together
        else:
            joined.append(Text("".join(e.text for e in together if isinstance(e, Text)), is_code))
    return joined


def short(events: list[Event]) -> list[str | tuple[str, str]]:
    """Events as a table holds them: code behind a #, citations as pairs, ! if unknown, = for own words."""
    table: list[str | tuple[str, str]] = []
    for event in events:
        match event:
            case Text(text, code):
                table.append(f"#{text}" if code else text)
            case Citation(source, quote, own, known):
                table.append((source + "=" * own + "!" * (not known), quote))
            case End(unfinished) if unfinished:
                table.append(("end", unfinished))
    return table


CASES: dict[str, tuple[str, list]] = {
    # The form, as the prompt asks for it
    "a claim": ('It holds. [S1: "holds back"]', ["It holds. ", ("S1", "holds back")]),
    "own words": ('"It holds." [S1]', ['"It holds." ', ("S1=", "It holds.")]),
    "own words, no space": ('"It holds."[S1]', ['"It holds."', ("S1=", "It holds.")]),
    "two claims in a line": ('A. [S1: "a"] B. [S2: "b"]', ["A. ", ("S1", "a"), " B. ", ("S2", "b")]),
    "two lines": ('A. [S1: "a"]\n"b" [S2]', ["A. ", ("S1", "a"), '\n"b" ', ("S2=", "b")]),
    "no space behind the colon": ('A. [S1:"a"]', ["A. ", ("S1", "a")]),
    "space everywhere": ('A. [ S1 : "a" ]', ["A. ", ("S1", "a")]),
    "an empty quote": ('A. [S1: ""]', ["A. ", ("S1", "")]),
    "a full stop behind": ('A [S1: "a"].', ["A ", ("S1", "a"), "."]),
    "a marker alone": ('[S1: "a"]', [("S1", "a")]),
    "nothing": ("", []),
    "only text": ("Nothing is cited.", ["Nothing is cited."]),
    # Escapes
    "an escaped quotation mark": (r'A. [S1: "the \"sea\""]', ["A. ", ("S1", 'the "sea"')]),
    "an escaped backslash": (r'A. [S1: "C:\\"]', ["A. ", ("S1", "C:\\")]),
    "an escaped letter": (r'A. [S1: "\n"]', ["A. ", ("S1", "n")]),
    "own words with escapes": (r'"say \"no\"" [S1]', [r'"say \"no\"" ', ("S1=", 'say "no"')]),
    "a backslash before the bracket": (r'A \[S1: "a"]', ["A \\", ("S1", "a")]),
    # Several sources
    "two markers": ('"q" [S1][S2]', ['"q" ', ("S1=", "q"), ("S2=", "q")]),
    "two markers and a space": ('"q" [S1] [S2]', ['"q" ', ("S1=", "q"), " ", ("S2=", "q")]),
    "three markers and commas": (
        '"q" [S1], [S2], [S3]', ['"q" ', ("S1=", "q"), ", ", ("S2=", "q"), ", ", ("S3=", "q")],
    ),
    "a list of ids": ('"q" [S1, S2]', ['"q" ', ("S1=", "q"), ("S2=", "q")]),
    "a list with semicolons": ('"q" [S1;S2]', ['"q" ', ("S1=", "q"), ("S2=", "q")]),
    "two quotes in one marker": ('A. [S1: "a", S2: "b"]', ["A. ", ("S1", "a"), ("S2", "b")]),
    "two quoted markers": ('A. [S1: "a"][S2: "b"]', ["A. ", ("S1", "a"), ("S2", "b")]),
    "a quote and a bare id": ('A. [S1: "a", S2]', ["A. ", ("S1", "a"), ("S2", "")]),
    "a quote with a comma": ('A. [S1: "a, S2: b"]', ["A. ", ("S1", "a, S2: b")]),
    "own words end with the line": ('"q" [S1]\n[S2]', ['"q" ', ("S1=", "q"), "\n", ("S2", "")]),
    "own words end with text": ('"q" [S1] so [S2]', ['"q" ', ("S1=", "q"), " so ", ("S2", "")]),
    # Other spellings of ids and brackets
    "a bare id": ("A. [S1]", ["A. ", ("S1", "")]),
    "a number": ("A. [2]", ["A. ", ("S2", "")]),
    "corner brackets": ("A. 【S1】", ["A. ", ("S1", "")]),
    "corner brackets, a number": ("A. 【1】", ["A. ", ("S1", "")]),
    "corner brackets behind a letter": ("sea【1】", ["sea", ("S1", "")]),
    "corner brackets, own words": ('"q" 【1】【2】', ['"q" ', ("S1=", "q"), ("S2=", "q")]),
    "corner brackets, a quote": ('A. 【S1: "a"】', ["A. ", ("S1", "a")]),
    "a small letter": ("A. [s1]", ["A. ", ("S1", "")]),
    "curly quotes in the marker": ("A. [S1: “a”]", ["A. ", ("S1", "a")]),
    "curly own words": ("“q” [S1]", ["“q” ", ("S1=", "q")]),
    "a number with a quote": ('A. [1: "a"]', ["A. ", ("S1", "a")]),
    # Unknown ids, and brackets that cite nothing
    "an unknown id": ('A. [S9: "a"]', ["A. ", ("S9!", "a")]),
    "an unknown bare id": ("A. [S9]", ["A. ", ("S9!", "")]),
    "unknown own words": ('"q" [S9]', ['"q" ', ("S9=!", "q")]),
    "an unknown number": ("In [2024] it rose.", ["In [2024] it rose."]),
    "sic": ('"teh" [sic] and [1', ['"teh" [sic] and [1', ("end", "[1")]),
    "a subscript": ("a[1] = b[2]", ["a[1] = b[2]"]),
    "a list of numbers": ("x = [7, 8]", ["x = [7, 8]"]),
    "empty brackets": ("[] 【】 [ ]", ["[] 【】 [ ]"]),
    "a link": ("[the sea](sea.md)", ["[the sea](sea.md)"]),
    "brackets in brackets": ('[see [S1: "a"]]', ["[see ", ("S1", "a"), "]"]),
    "many brackets": ("[[[[S1]]]]", ["[[[", ("S1", ""), "]]]"]),
    "an id that is too long": (f"[{'x' * 50}]", [f"[{'x' * 50}]"]),
    "a bracket inside own words": ('"see [S1] on" [S2]', ['"see [S1] on" ', ("S2=", "see [S1] on")]),
    "a bracket inside curly words": ("“the [S1] is” [S2]", ["“the [S1] is” ", ("S2=", "the [S1] is")]),
    "a stray quotation mark": ('The 5" gate. [S1: "a"]', ['The 5" gate. ', ("S1", "a")]),
    "a stray mark before own words": ('5" is "q" [S1]', ['5" is "q" ', ("S1=", "q")]),
    "a quoted word long before": ('"q" it says. [S1]', ['"q" it says. ', ("S1", "")]),
    # Code
    "a fence": ('```\n[S1: "a"]\n```\nA [S1]', ['#```\n[S1: "a"]\n```\n', "A ", ("S1", "")]),
    "a fence with a language": ("```py\nx[S1]\n```\n", ["#```py\nx[S1]\n```\n"]),
    "a fence of tildes": ("~~~\n[S1]\n```\n[S1]\n~~~\n[S1]", ["#~~~\n[S1]\n```\n[S1]\n~~~\n", ("S1", "")]),
    "a longer fence": ("````\n```\n[S1]\n````\n[S1]", ["#````\n```\n[S1]\n````\n", ("S1", "")]),
    "a fence that stands in": ("   ```\n[S1]\n  ```\n[S1]", ["#   ```\n[S1]\n  ```\n", ("S1", "")]),
    "four spaces are no fence": ("    ```\n[S1]", ["    ```\n", ("S1", "")]),
    "a fence without an end": ("```\n[S1]", ["#```\n[S1]"]),
    "words behind do not end a fence": ("```\n``` no\n[S1]\n```", ["#```\n``` no\n[S1]\n```"]),
    "ticks within a line": ("```x``` [S1]", ["```x``` ", ("S1", "")]),
    "a fence in the middle of a line": ("so ```\n[S1]", ["so ```\n", ("S1", "")]),
    "ticks at the end": ("A [S1]\n``", ["A ", ("S1", ""), "\n``"]),
    # Line ends
    "Windows": ('A. [S1: "a"]\r\n"b" [S2]\r\n', ["A. ", ("S1", "a"), '\n"b" ', ("S2=", "b"), "\n"]),
    "an old Mac": ('A. [S1: "a"]\rB', ["A. ", ("S1", "a"), "\nB"]),
    "a Windows fence": ("```\r\n[S1]\r\n```\r\n[S1]", ["#```\n[S1]\n```\n", ("S1", "")]),
    "a return at the end": ("A.\r", ["A.\n"]),
    "a quote over two lines": ('A. [S1: "a\nb"]', ['A. [S1: "a\nb"]']),
    "own words over two lines": ('"a\nb" [S1]', ['"a\nb" [S1]']),
    # It breaks off
    "an open bracket": ("A. [", ["A. [", ("end", "[")]),
    "in the id": ("A. [S", ["A. [S", ("end", "[S")]),
    "behind the id": ("A. [S1", ["A. [S1", ("end", "[S1")]),
    "behind the colon": ("A. [S1: ", ["A. [S1: ", ("end", "[S1: ")]),
    "in the quote": ('A. [S1: "holds', ['A. [S1: "holds', ("end", '[S1: "holds')]),
    "in an escape": ('A. [S1: "a\\', ['A. [S1: "a\\', ("end", '[S1: "a\\')]),
    "behind the quote": ('A. [S1: "a"', ['A. [S1: "a"', ("end", '[S1: "a"')]),
    "behind a comma": ("A. [S1, ", ["A. [S1, ", ("end", "[S1, ")]),
    "in curly quotes": ("A. 【S1: “a", ["A. 【S1: “a", ("end", "【S1: “a")]),
    "a line ends the marker": ("A. [S1\nB", ["A. [S1\nB"]),
    # Any script
    "right to left": ('"שלום" [S1]', ['"שלום" ', ("S1=", "שלום")]),
    "emoji": ('👩\u200d👧 [S1: "❤\ufe0f"]', ["👩\u200d👧 ", ("S1", "❤\ufe0f")]),
    "Chinese": ("水门【1】。", ["水门", ("S1", ""), "。"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_read(name: str) -> None:
    answer, wanted = CASES[name]
    assert short(read([answer])) == wanted


@pytest.mark.parametrize("name", CASES)
def test_one_character_at_a_time_reads_the_same(name: str) -> None:
    answer, wanted = CASES[name]
    assert short(read(list(answer))) == wanted


PIECES = st.lists(
    st.sampled_from(
        sorted({part for answer, _ in CASES.values() for part in re.split(r"(\W)", answer) if part})
    )
    | st.text(alphabet='[]【】"“”\\\n\r:,; `~S19ax', max_size=5)
)


@given(PIECES, st.lists(st.integers(0, 200)))
@example(["\r", "\n", "[S1"], [1, 2])
def test_any_cutting_gives_the_events_of_the_whole(parts: list[str], cuts: list[int]) -> None:
    answer = "".join(parts)
    places = sorted({0, len(answer), *(cut for cut in cuts if cut < len(answer))})
    pieces = [answer[a:b] for a, b in pairwise(places)]
    whole = read([answer])
    assert read(pieces) == whole
    assert read(list(answer)) == whole
    assert isinstance(whole[-1], End) and sum(isinstance(event, End) for event in whole) == 1


@given(PIECES)
def test_no_character_is_lost_or_made_up(parts: list[str]) -> None:
    """Without what the markers hold, the text is the answer; so a text without brackets comes back whole."""
    answer = "".join(parts)
    events = read([answer])
    flat = re.sub(r"\r\n?", "\n", answer)
    at = 0
    for event in events:
        if isinstance(event, Text):
            found = flat.find(event.text, at)
            assert found >= at and (found == at or flat[at] in "[【")
            at = found + len(event.text)
    assert flat[at:] == "" or flat[at] in "[【"
    if not re.search(r"[\[【]", flat):
        assert "".join(event.text for event in events if isinstance(event, Text)) == flat


PLAIN = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp"), blacklist_characters='"“”[]【】`~\\'),
    max_size=20,
)
QUOTE = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=20)
# Words that end in an open marker would be read as one, and no other rule could tell.
OWN = QUOTE.filter(lambda quote: not re.search(r"[\[【][^\[\]]*\Z", quote) and quote.strip())


@st.composite
def answers(draw: st.DrawFn) -> str:
    """Answers in the form that the prompt asks for."""
    rows = []
    for _ in range(draw(st.integers(0, 4))):
        row = ""
        for _ in range(draw(st.integers(0, 3))):
            source = draw(st.sampled_from(["S1", "S2", "S3", "S9"]))
            if draw(st.booleans()):
                row += quoted(draw(OWN), source)
            else:
                marker = quoted(draw(QUOTE), source).removesuffix(f" [{source}]")
                row += f"{draw(PLAIN)} [{source}: {marker}]"
            row += draw(st.sampled_from(["", " ", ". "]))
        rows.append(row + draw(PLAIN))
    return draw(st.sampled_from(["\n", "\r\n"])).join(rows)


QUOTED = r'"((?:[^"\\]|\\.)*)"'
CLAIM = re.compile(rf'(?P<text>.*?)\[(?P<source>[^\[\]:"\s]+):\s*{QUOTED}\s*\]')
OWN_WORDS = re.compile(rf'{QUOTED}\s*\[(?P<source>[^\[\]:"\s]+)\]')


def plainly(answer: str) -> list[Cited]:
    """Claims as two short expressions read them in a whole answer: no pieces, no code, no other brackets."""
    found: list[Cited] = []
    for line in answer.splitlines():
        at = 0
        while True:
            own, cited = OWN_WORDS.search(line, at), CLAIM.match(line, at)
            if own and (cited is None or own.start() < cited.end("text")):
                quote = re.sub(r"\\(.)", r"\1", own[1])
                found.append(Cited(quote, own["source"], quote))
                at = own.end()
            elif cited:
                quote = re.sub(r"\\(.)", r"\1", cited[3])
                found.append(Cited(cited["text"].strip(), cited["source"], quote))
                at = cited.end()
            else:
                break
    return found


@given(answers())
def test_in_the_form_it_means_what_the_plain_reading_says(answer: str) -> None:
    assert [one for line in lines(answer, SOURCES) for one in line.cited] == plainly(answer)


@given(st.sampled_from([name for name, (answer, _) in CASES.items() if MARKER.search(answer)]))
def test_every_beginning_of_a_marker_is_held_back(name: str) -> None:
    marker = MARKER.search(CASES[name][0])
    assert marker
    for end in range(1, len(marker[0])):
        assert BEGUN.match(marker[0][:end]), marker[0][:end]


@pytest.mark.parametrize("size", [LONGEST - 1, LONGEST, LONGEST + 1, 3 * LONGEST])
def test_a_marker_has_a_longest_length(size: int) -> None:
    marker = f'[S1: "{"a" * (size - 8)}"]'
    assert len(marker) == size
    for answer in (marker, marker[:-1], f"{marker} so"):
        assert read(list(answer)) == read([answer]) == read([answer[:LONGEST], answer[LONGEST:]])
    assert isinstance(read([marker])[0], Citation) == (size <= LONGEST)


def test_text_is_shown_at_once() -> None:
    reading = Citations(SOURCES)
    assert reading.feed("It is ") == [Text("It is ")]
    assert reading.feed('"so [S') == [Text('"so ')]
    assert reading.feed("even]") == [Text("["), Text("Seven]")]


def test_what_a_line_says_beside_its_claims() -> None:
    answer = 'A. [S1: "a"] And so on.\n\nNobody knows.\n```\nx\n```\n"q" [S2].'
    found = list(lines(answer, SOURCES))
    assert [line.unsourced for line in found] == ["And so on.", "Nobody knows.", "```\nx\n```", ""]
    assert [line.code for line in found] == [False, False, True, False]
    assert [one for line in found for one in line.cited] == [Cited("A.", "S1", "a"), Cited("q", "S2", "q")]
