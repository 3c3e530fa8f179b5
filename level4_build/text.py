"""The data of the language model: endless text about a small shop. Facts come first, then words for them.

    texts = ShopText("train", count=5000)
    texts[0]  # an order, a review, a ticket … in which every name, date and price agrees

A document takes the facts of one shop (`shop.py`) and puts them into sentences of one kind, such as a review.
`shop_templates.toml` has the sentences: {facts} are filled in, and of [this|that] one is taken.

The development split has other documents of the same words, and choices are made on it. The held-out split
has names, goods and sentences of its own: how far does what was learnt reach?
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from level4_build.shop import SPLITS, WORDS_OF, Line, Order, Shop, ShopSplit, dice, open_shop
from shared.errors import BadUsage

CHOICE = re.compile(r"\[([^\[\]]*)\]")  # the innermost
COUNTS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)


class ShopText:
    """The documents of one split, each written when asked for."""

    def __init__(self, split: ShopSplit, count: int, seed: int = 0) -> None:
        if split not in SPLITS:
            raise BadUsage(f"There is no split {split!r}.", f"Take one of {', '.join(SPLITS)}.")
        if count < 1 or seed < 0:
            raise BadUsage(
                f"The text needs a count and a seed; got {count} and {seed}.",
                "Take a count of at least 1, and a seed of 0 or more.",
            )
        self.split, self.count, self.seed = split, count, seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < self.count:
            raise IndexError(f"document {index} of {self.count}")
        return document(self.seed, self.split, index)

    def __iter__(self) -> Iterator[str]:
        return (document(self.seed, self.split, index) for index in range(self.count))

    def digest(self) -> str:
        """A hash of every letter: two runs with the same digest read the same texts."""
        whole = hashlib.sha256()
        for text in self:
            whole.update(text.encode() + b"\0")
        return whole.hexdigest()

    def card(self) -> dict[str, str]:
        """What a reader of the data should know: where it is from, how to make it again, what one may do."""
        return {
            "name": f"shop text, {self.split}, {self.count} documents",
            "origin": "written by a rule from word lists and sentences of this project; no text of others",
            "generator": "level4_build.text.ShopText",
            "seed": str(self.seed),
            "digest": self.digest(),
            "licence": "Apache-2.0",
        }


def document(seed: int, split: ShopSplit, index: int) -> str:
    """The document with this number: it depends on the seed, the split and the number alone."""
    rng = dice("text", seed, split, index)
    return write(open_shop(seed, split, index), rng.choice(sorted(templates())), split, rng)


def write(shop: Shop, kind: str, split: ShopSplit, rng: Random) -> str:
    """Put the facts of a shop into sentences of one kind.

    Args:
        kind: one of those in `templates()`, such as "review".
        split: whose sentences are taken.
        rng: chooses among them.
    """
    told = facts(shop)
    plan, own = templates()[kind]["plan"], templates()[kind][WORDS_OF[split]]
    paragraphs = [
        " ".join(fill(rng.choice(own[part.format_map(told)]), told, rng) for part in parts) for parts in plan
    ]
    return "\n".join(paragraphs)


def fill(template: str, told: dict[str, str], rng: Random) -> str:
    """A sentence from its template: choices are made, then facts filled in."""
    while choice := CHOICE.search(template):
        taken = rng.choice(choice[1].split("|"))
        template = template[: choice.start()] + taken + template[choice.end() :]
    return template.format_map(told)


@cache
def templates() -> dict[str, dict[str, Any]]:
    """Every kind of document: its plan, paragraphs of parts, and the known and new sentences of each part."""
    return tomllib.loads((Path(__file__).parent / "shop_templates.toml").read_text(encoding="utf-8"))


# Facts in words --------------------------------------------------------------------------------------


def facts(shop: Shop) -> dict[str, str]:
    """The facts of a shop as templates name them; with a capital, {Items}, they begin a sentence."""
    order, other, review, ticket = shop.order, shop.other, shop.review, shop.ticket
    first, product = order.lines[0], shop.product
    told = {
        "shop": shop.name, "town": shop.town, "staff": shop.staff.first, "staff_name": shop.staff.name,
        "buyer": order.buyer.first, "buyer_name": order.buyer.name, "buyer_town": order.buyer.town,
        "order": str(order.number), "items": items(order), "item_lines": item_lines(order),
        "goods": money(order.goods), "delivery": money(order.delivery), "total": money(order.total),
        "shipping": "paid" if order.delivery else "free",
        "placed": day(order.placed), "placed_weekday": f"{order.placed:%A}",
        "arrives": day(order.arrives), "arrives_weekday": f"{order.arrives:%A}",
        "wait": counted((order.arrives - order.placed).days, "day"),
        "other": other.buyer.first, "other_name": other.buyer.name, "other_town": other.buyer.town,
        "other_order": str(other.number), "other_items": items(other), "other_total": money(other.total),
        "takings": money(order.total + other.total),
        "product": product.name, "a_product": a(product.name), "products": plural(product.name),
        "thing": product.thing, "price": money(product.price),
        "kind": product.kind, "bought": counted(first.count, product.name),
        "before": str(product.stock), "sold": COUNTS[first.count], "left": str(product.stock - first.count),
        "stars": counted(review.stars, "star"), "tone": review.tone, "written": day(review.written),
        "praise": review.praise[0], "more_praise": review.praise[1], "fault": review.fault,
        "ticket": str(ticket.number), "remedy": ticket.remedy, "opened": day(ticket.opened),
        "closed": day(ticket.closed), "patience": counted((ticket.closed - ticket.opened).days, "day"),
        "use": shop.use, "reason": shop.reason, "weather": shop.weather,
    }  # fmt: skip
    return told | {name.capitalize(): value[0].upper() + value[1:] for name, value in told.items()}


def money(pence: int) -> str:
    """1250 is "£12.50"."""
    return f"£{pence // 100:,}.{pence % 100:02}"


def day(when: date) -> str:
    """As in "4 March 2024"."""
    return f"{when.day} {when:%B %Y}"


def plural(name: str) -> str:
    """More than one, of a regular noun."""
    if name.endswith(("s", "x", "ch", "sh")):
        return name + "es"
    if name.endswith("y") and name[-2] not in "aeiou":
        return name[:-1] + "ies"
    return name + "s"


def a(name: str) -> str:
    """With its article: "an oak stool"."""
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def counted(count: int, name: str) -> str:
    """ "one day", "two blue jugs"."""
    return f"{COUNTS[count]} {name if count == 1 else plural(name)}"


def items(order: Order) -> str:
    """ "two blue jugs, an oak stool and three cork folders"."""

    def named(line: Line) -> str:
        return a(line.product.name) if line.count == 1 else counted(line.count, line.product.name)

    *rest, last = [named(line) for line in order.lines]
    return f"{', '.join(rest)} and {last}" if rest else last


def item_lines(order: Order) -> str:
    """One line for each product: "2 × blue jug at £4.50: £9.00"."""
    return "\n".join(
        f"{line.count} × {line.product.name} at {money(line.product.price)}: {money(line.price)}"
        for line in order.lines
    )
