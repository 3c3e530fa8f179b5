"""The shop's text: the same number is the same document, facts agree, and what is held out stays apart."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import pytest

from level4_build.shop import FEES, FREE_FROM, SPLITS, WORDS_OF, ShopSplit, open_shop, words
from level4_build.text import (
    ShopText,
    a,
    counted,
    day,
    document,
    facts,
    fill,
    money,
    plural,
    templates,
    write,
)
from shared.errors import BadUsage

splits = pytest.mark.parametrize("split", SPLITS)


WORDS = ("known", "new")


def names_of(which: str) -> set[str]:
    """Every name and thing, the known or the new."""
    own = words()[which]
    lists = [own[key] for key in ("shops", "towns", "firsts", "lasts")] + list(own["things"].values())
    return {name for each in lists for name in each}


def sentences_of(which: str) -> set[str]:
    """Every template that says something, not those that only list facts."""
    parts = [part for kind in templates().values() for part in kind[which].values()]
    every = {sentence for part in parts for sentence in part}
    return {sentence for sentence in every if re.search("[a-z]", re.sub(r"\{\w+\}", "", sentence))}


def test_a_document_depends_on_seed_split_and_number_alone() -> None:
    one = document(0, "train", 7)
    document(5, "development", 1)  # what was written in between does not matter
    assert document(0, "train", 7) == one == ShopText("train", 10)[7]
    assert len({one, document(1, "train", 7), document(0, "held-out", 7), document(0, "train", 8)}) == 4


def test_the_text_of_today_is_that_of_tomorrow() -> None:
    assert ShopText("train", 50).digest() == PINNED, "changed words or rules make another data set: say so"


PINNED = "96b16189db79e7f2670fcb90b31243e7a0d4dfdbe57c4f8f36b1a49bdb84816f"


def test_the_held_out_split_shares_no_name_no_thing_and_no_sentence_with_the_others() -> None:
    assert WORDS_OF == {"train": "known", "development": "known", "held-out": "new"}
    assert not names_of("known") & names_of("new")
    assert not sentences_of("known") & sentences_of("new")
    assert all(len(names_of(which)) > 40 and len(sentences_of(which)) > 40 for which in WORDS)


@splits
def test_the_other_names_are_nowhere_in_the_text(split: ShopSplit) -> None:
    text = "\n".join(ShopText(split, 300))
    own, other = names_of(WORDS_OF[split]), names_of("new" if WORDS_OF[split] == "known" else "known")
    assert {name for name in other if re.search(rf"\b{re.escape(name)}s?\b", text)} == set()
    assert sum(name in text for name in own) > 0.8 * len(own), "and its own are used"


def test_no_document_is_in_two_splits() -> None:
    texts = [set(ShopText(split, 2000)) for split in SPLITS]
    assert sum(map(len, texts)) == len(set.union(*texts)) > 5990


@splits
def test_every_sentence_can_be_said_of_every_shop(split: ShopSplit) -> None:
    for index in range(40):  # all tones, remedies and ways of shipping are among them
        shop = open_shop(0, split, index)
        for kind in templates():
            text = write(shop, kind, split, Random(index))
            assert not set(text) & set("{}[]|"), f"{kind} {index}: {text}"
    tones = {open_shop(0, split, index).review.tone for index in range(40)}
    assert tones == {"good", "mixed", "bad"}


@pytest.mark.parametrize("which", WORDS)
@pytest.mark.parametrize("kind", sorted(templates()))
def test_every_part_of_every_plan_is_there(which: str, kind: str) -> None:
    about: dict[str, Any] = templates()[kind]
    ends = {
        "tone": ("good", "mixed", "bad"),
        "remedy": ("exchange", "refund", "repair"),
        "shipping": ("paid", "free"),
    }
    needed = set()
    for part in (part for paragraph in about["plan"] for part in paragraph):
        names = re.findall(r"\{(\w+)\}", part)
        needed |= {part.replace(f"{{{n}}}", end) for n in names for end in ends[n]} or {part}
    assert set(about[which]) == needed
    assert all(len(sentences) > 0 for sentences in about[which].values())


PRICE = re.compile(r"£[\d,]+\.\d\d")
DATE = re.compile(
    r"\d{1,2} (?:January|February|March|April|May|June|July|August|September|October|November|December) \d{4}"
)


@splits
def test_what_a_document_says_is_what_the_shop_knows(split: ShopSplit) -> None:
    """Every price and date in the text is one of the records, and every line of an order multiplies out."""
    seen = 0
    for index in range(200):
        shop, text = open_shop(0, split, index), document(0, split, index)
        orders = (shop.order, shop.other)
        prices = {p for o in orders for p in (o.goods, o.delivery, o.total)}
        prices |= {p for o in orders for line in o.lines for p in (line.price, line.product.price)}
        prices |= {sum(o.total for o in orders)}
        dates = {
            shop.order.placed,
            shop.order.arrives,
            shop.review.written,
            shop.ticket.opened,
            shop.ticket.closed,
        }
        assert set(PRICE.findall(text)) <= {money(p) for p in prices}, text
        assert set(DATE.findall(text)) <= {day(d) for d in dates}, text
        for count, each, whole in re.findall(r"(\d+) × .* at £([\d,.]+): £([\d,.]+)", text):
            assert int(count) * pence(each) == pence(whole)
            seen += 1
    assert seen > 20


def pence(written: str) -> int:
    return int(written.replace(",", "").replace(".", ""))


def test_the_records_agree_with_one_another() -> None:
    for index in range(300):
        shop = open_shop(3, "train", index)
        order = shop.order
        assert order.placed < order.arrives < shop.ticket.opened < shop.ticket.closed
        assert order.placed == shop.other.placed
        assert order.delivery == 0 if order.goods >= FREE_FROM else order.delivery in FEES
        assert order.total == sum(line.count * line.product.price for line in order.lines) + order.delivery
        assert len({shop.staff.first, order.buyer.first, shop.other.buyer.first}) == 3
        things = [line.product.thing for each in (order, shop.other) for line in each.lines]
        assert len(set(things)) == len(things)
        told = facts(shop)
        assert int(told["before"]) - int(told["left"]) == order.lines[0].count


def test_documents_are_many_and_of_every_kind() -> None:
    texts = list(ShopText("train", 2000))
    assert len(set(texts)) == 2000
    firsts = {text.split()[0] for text in texts}
    assert len(firsts) > 100


def test_choices_may_stand_in_choices() -> None:
    said = {fill("[a|b [c|d]] {x}", {"x": "{y}"}, Random(seed)) for seed in range(40)}
    assert said == {"a {y}", "b c {y}", "b d {y}"}, "and what a fact says is not filled again"


def test_plurals_are_english() -> None:
    words = ["jug", "blue box", "bench", "tapestry", "tray", "atlas"]
    assert [plural(word) for word in words] == [
        "jugs",
        "blue boxes",
        "benches",
        "tapestries",
        "trays",
        "atlases",
    ]


def test_small_words_are_right() -> None:
    assert [a("oak stool"), a("blue jug")] == ["an oak stool", "a blue jug"]
    assert [counted(1, "day"), counted(3, "tray")] == ["one day", "three trays"]
    assert [money(5), money(1250), money(123456)] == ["£0.05", "£12.50", "£1,234.56"]


def test_the_card_tells_how_to_make_it_again() -> None:
    texts = ShopText("held-out", 5, seed=0)
    card = texts.card()
    assert card["digest"] == texts.digest() != ShopText("held-out", 6).digest()
    assert card["seed"] == "0" and card["licence"] and "no text of others" in card["origin"]


def test_it_is_a_sequence() -> None:
    texts = ShopText("development", 4)
    assert list(texts) == [texts[i] for i in range(4)] and len(texts) == 4
    with pytest.raises(IndexError):
        texts[4]


@pytest.mark.parametrize("given", [("val", 3, 0), ("train", 0, 0), ("train", 3, -1)])
def test_a_text_that_cannot_be_is_refused(given: tuple[object, ...]) -> None:
    with pytest.raises(BadUsage):
        ShopText(*given)  # type: ignore[arg-type]
    with pytest.raises(BadUsage):
        open_shop(0, "train", -1)
