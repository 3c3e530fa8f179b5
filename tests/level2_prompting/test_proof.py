"""A quote is in its source, at a place that can be checked, or it is not part of the answer."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pdf_files import pdf, said

from level2_prompting.claims import proof, proven
from level2_prompting.documents import document
from level2_prompting.hygiene import clean
from level2_prompting.index import Passage
from level2_prompting.prove import fold, locate
from level2_prompting.split import Chunk, split
from shared.grounding import ABSTAIN, quoted

# Accents in and out of order, ligatures, emoji with joiners and selectors, right-to-left, what is invisible.
HARD = (
    "ab é́ạ̈̇ẹ̃ﬁǆ½´“”\"'—\u200b\u00ad\u00a0\n\t …ß가각ᄀ\u1160ｶﾞガ👩\u200d👧❤\ufe0f🇩🇪"
    "שׁלום\u200f\u202eمَرْحَبًا\u2066\u0605\u0344\u0f73\x00\x1b\x1c\U000e0041"
)
SIGNS = st.text() | st.text(alphabet=HARD, max_size=30)


def whole_signs(text: str, start: int, length: int) -> str:
    """A part of a text that does not tear an accent from its letter, which no reader does."""
    edges = [at for at in range(len(text) + 1) if not _accent_next(text[at:])]
    first = min(start, len(edges) - 1)
    return text[edges[first] : edges[min(first + length, len(edges) - 1)]]


def _accent_next(rest: str) -> bool:
    seen = next((sign for sign in rest if fold(sign)), "")
    return bool(seen) and unicodedata.combining(fold(seen)[0]) > 0


@given(SIGNS, st.integers(0, 40), st.integers(1, 20), st.sampled_from(["", "NFC", "NFD", "clean"]))
def test_a_copied_quote_is_found_for_any_unicode(text: str, start: int, length: int, form: str) -> None:
    copied = whole_signs(text, start, length)
    quote = clean(copied) if form == "clean" else unicodedata.normalize(form, copied) if form else copied
    assume(fold(quote).strip(" "))
    place = locate(quote, text)
    assert place is not None
    assert fold(text[slice(*place)]).strip(" ") == fold(quote).strip(" ")


@given(SIGNS)
def test_what_the_prompt_leaves_out_the_proof_looks_past(text: str) -> None:
    assert fold(clean(text)) == fold(text)
    assert clean(clean(text)) == clean(text)
    for form in ("NFC", "NFD"):
        assert fold(unicodedata.normalize(form, text)) == fold(text)


@given(SIGNS, st.text(alphabet=HARD, min_size=1, max_size=3))
def test_what_is_found_reads_like_the_quote(text: str, quote: str) -> None:
    place = locate(quote, text)
    if place is None:
        assert fold(quote).strip(" ") not in fold(text).split(" ") or not fold(quote).strip(" ")
    else:
        assert 0 <= place[0] < place[1] <= len(text)
        assert fold(text[slice(*place)]) == fold(quote).strip(" ")


@pytest.mark.parametrize(
    ("quote", "text", "found"),
    [
        ("holds back the sea", "It holds  back\n  the sea.", "holds  back\n  the sea"),
        ('the "gate"', "the “gate” is", "the “gate”"),
        (unicodedata.normalize("NFD", "café"), "a café", "café"),
        ("café", unicodedata.normalize("NFD", "a café"), unicodedata.normalize("NFD", "café")),
        ("find", "they ﬁnd it", "ﬁnd"),
        ("tide-gate", "a tide\u00ad‑gate", "tide\u00ad‑gate"),
        ("i t", "ﬁ i t", "i t"),  # not from the middle of ﬁ
        ("cafe", "cafe\u0301, cafe", "cafe"),  # another word without its accent
        ("a\u0323\u0307", "a\u0307\u0323", "a\u0307\u0323"),  # two accents that changed places
        ("שלום", "\u202eש\u200fלום\u202c", "ש\u200fלום"),
        ("❤ us", "I ❤\ufe0f us", "❤\ufe0f us"),
        ("pay now", "pay \U000e0069\U000e0067now", "pay \U000e0069\U000e0067now"),
    ],
)
def test_differences_that_nobody_sees_do_not_matter(quote: str, text: str, found: str) -> None:
    place = locate(quote, text)
    assert place is not None and text[slice(*place)] == found


@pytest.mark.parametrize("quote", ["", "  ", "\u200b", "sea gate", "Holds back", "holds back the seas", "n"])
def test_other_words_are_not_there(quote: str) -> None:
    assert locate(quote, "It holds back the sea, ﬁﬂe.") is None


def passage(text: str, start: int, source: str = "sea.md") -> Passage:
    return Passage(Chunk("id", source, text, start, start + len(text)), 0.9)


def test_each_claim_has_the_place_in_its_document() -> None:
    document = "A preface. The gate\nholds back the sea."
    passages = (passage(document[11:], 11), passage("Other words.", 0, "other.md"))
    raw = f'It keeps water out. [S1: "The gate holds back"]\n{quoted("Other words.", "S2")}'
    claims, dropped = proof(raw, passages)
    assert [(c.text, c.source, c.start, c.end) for c in claims] == [
        ("It keeps water out.", "sea.md", 11, 30),
        ("Other words.", "other.md", 0, 12),
    ]
    assert claims[0].quote == document[11:30] == "The gate\nholds back"
    assert not dropped


def test_a_claim_over_a_pdf_names_the_page_on_which_its_quote_begins() -> None:
    words = ["The gate is shut.", "The ferry leaves.", "The pier is old."]
    report = document("report.pdf", pdf([said(word) for word in words]))
    (chunk,) = split(report.text, report.name)  # one passage, three pages
    raw = "\n".join(quoted(word, "S1") for word in reversed(words))
    claims, _ = proven(raw, {"S1": chunk}, {report.name: report.pages})
    assert [(claim.text, claim.page) for claim in claims] == [*zip(reversed(words), (3, 2, 1), strict=True)]
    across, _ = proven('[S1: "leaves. The pier"]', {"S1": chunk}, {report.name: report.pages})
    assert [claim.page for claim in across] == [2]
    other, _ = proven(raw, {"S1": chunk}, {"other.pdf": report.pages})
    assert {claim.page for claim in other} == {None}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('"The sea freezes." [S1]', "These words are not in sea.md."),
        ('It is cold. [S1: "the sea freezes"]', "These words are not in sea.md."),
        ('"The gate holds." [S7]', "There is no source S7."),
        ("Everybody knows that the sea is deep.", "It names no source."),
        ('It is blank. [S1: ""]', "It quotes no words of sea.md."),
        ("It is bare. [S1]", "It quotes no words of sea.md."),
        ("```\nprint(1)\n```", "It is code, which no quote proves."),
    ],
)
def test_what_is_invented_is_dropped_and_said(line: str, reason: str) -> None:
    claims, dropped = proof(f'"The gate holds." [S1]\n\n{line}', (passage("The gate holds.", 0),))
    assert [claim.text for claim in claims] == ["The gate holds."]
    assert [one.reason for one in dropped] == [reason]


def test_a_quote_of_another_passage_is_not_a_proof_from_this_one() -> None:
    claims, dropped = proof('"Two." [S1]', (passage("One.", 0), passage("Two.", 9)))
    assert not claims and len(dropped) == 1


def test_declining_is_not_a_claim() -> None:
    assert proof(ABSTAIN, (passage("One.", 0),)) == ((), ())
