"""The facts: for each number a small shop, with its people, goods, orders, a review and a ticket that agree.

    shop = open_shop(seed=0, split="train", index=7)
    shop.order.buyer.name, shop.order.total  # the same for ever, in pence

There are no sentences here. `text.py` puts these records into words; whoever wants other words for the same
facts, such as questions with their answers, begins here too.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Literal

from shared.errors import BadUsage

ShopSplit = Literal["train", "development", "held-out"]
SPLITS: tuple[ShopSplit, ...] = ("train", "development", "held-out")
# Other documents of the same names, things and sentences show what was learnt; new ones, how far it reaches.
WORDS_OF: dict[ShopSplit, str] = {"train": "known", "development": "known", "held-out": "new"}
Tone = Literal["good", "mixed", "bad"]
Remedy = Literal["exchange", "refund", "repair"]
REMEDIES: tuple[Remedy, ...] = ("exchange", "refund", "repair")
FIRST_DAY = date(2021, 1, 4)
DAYS = 1800  # orders are placed within so many days
FREE_FROM = 6000  # pence: from here on the delivery costs nothing
FEES = (295, 350, 495)


@dataclass(frozen=True)
class Person:
    first: str
    last: str
    town: str

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"


@dataclass(frozen=True)
class Product:
    """A thing of the shop.

    Attributes:
        look, thing: what it looks like and what it is: "blue enamel", "jug".
        kind: where it belongs: kitchen, garden, desk or home.
        price: in pence.
        stock: how many there were before the day's orders.
    """

    look: str
    thing: str
    kind: str
    price: int
    stock: int

    @property
    def name(self) -> str:
        return f"{self.look} {self.thing}"


@dataclass(frozen=True)
class Line:
    """So many of one product."""

    product: Product
    count: int

    @property
    def price(self) -> int:
        return self.product.price * self.count


@dataclass(frozen=True)
class Order:
    """What one person bought at once. Money is in pence."""

    number: int
    buyer: Person
    lines: tuple[Line, ...]
    placed: date
    arrives: date
    delivery: int

    @property
    def goods(self) -> int:
        return sum(line.price for line in self.lines)

    @property
    def total(self) -> int:
        return self.goods + self.delivery


@dataclass(frozen=True)
class Review:
    """What the buyer thinks of the order's first product, with 1 to 5 stars."""

    stars: int
    written: date
    praise: tuple[str, str]
    fault: str

    @property
    def tone(self) -> Tone:
        return "good" if self.stars > 3 else "bad" if self.stars < 3 else "mixed"


@dataclass(frozen=True)
class Ticket:
    """What was wrong with the order's first product, and how the shop put it right."""

    number: int
    fault: str
    opened: date
    closed: date
    remedy: Remedy


@dataclass(frozen=True)
class Shop:
    """All that a document may tell. Both orders are of one day, of two people and of different products."""

    name: str
    town: str
    staff: Person
    order: Order
    other: Order
    review: Review
    ticket: Ticket
    use: str
    reason: str
    weather: str

    @property
    def product(self) -> Product:
        """The one that the review and the ticket are about."""
        return self.order.lines[0].product


def open_shop(seed: int, split: ShopSplit, index: int) -> Shop:
    """The shop with this number: it depends on the seed, the split and the number alone.

    Raises:
        BadUsage: there is no such split, or a number is below 0.
    """
    if split not in SPLITS:
        raise BadUsage(f"There is no split {split!r}.", f"Take one of {', '.join(SPLITS)}.")
    if seed < 0 or index < 0:
        raise BadUsage(f"There is no shop {index} of seed {seed}.", "Both count from 0.")
    return _imagine(dice("shop", seed, split, index), split)


def dice(*of: object) -> Random:
    """Chance that these alone decide, whatever else is drawn."""
    return Random(" ".join(map(str, of)))  # noqa: S311 - nothing here is secret


@cache
def words() -> dict[str, Any]:
    """The known and the new words, and those that all splits share."""
    return tomllib.loads((Path(__file__).parent / "shop_words.toml").read_text(encoding="utf-8"))


# How a shop is imagined ------------------------------------------------------------------------------


def _imagine(rng: Random, split: ShopSplit) -> Shop:
    own, shared = words()[WORDS_OF[split]], words()["shared"]
    towns = rng.sample(own["towns"], 4)
    names = zip(rng.sample(own["firsts"], 3), rng.sample(own["lasts"], 3), towns[1:], strict=True)
    staff, buyer, neighbour = (Person(*each) for each in names)
    goods = _goods(rng, own["things"])
    placed = FIRST_DAY + timedelta(days=rng.randrange(DAYS))
    order = _order(rng, buyer, goods[:3], placed)
    other = _order(rng, neighbour, goods[3:], placed)
    about = words()["kinds"][goods[0].kind]
    opened = order.arrives + timedelta(days=rng.randint(1, 6))
    fault = rng.choice(about["faults"])
    good, better = rng.sample(about["praise"], 2)
    return Shop(
        name=rng.choice(own["shops"]),
        town=towns[0],
        staff=staff,
        order=order,
        other=other,
        review=Review(rng.choice([1, 2, 3, 4, 4, 5, 5]), opened, (good, better), fault),
        ticket=Ticket(
            rng.randint(100, 9999),
            fault,
            opened,
            opened + timedelta(days=rng.randint(1, 9)),
            rng.choice(REMEDIES),
        ),
        use=rng.choice(about["uses"]),
        reason=rng.choice(shared["reasons"]),
        weather=rng.choice(shared["weather"]),
    )


def _goods(rng: Random, things: dict[str, list[str]]) -> list[Product]:
    """Five different products."""
    every = [(kind, thing) for kind in sorted(things) for thing in things[kind]]
    return [
        Product(
            _look(rng, kind),
            thing,
            kind,
            rng.randint(4, 160) * 50 - rng.choice([0, 1, 5]),
            rng.randint(12, 60),
        )
        for kind, thing in rng.sample(every, 5)
    ]


def _look(rng: Random, kind: str) -> str:
    """One or two words, as English orders them: size, colour, material."""
    sizes, colours = words()["shared"]["sizes"], words()["shared"]["colours"]
    choices: Sequence[Sequence[str]] = (sizes, colours, words()["kinds"][kind]["materials"])
    shown = rng.choice([(1,), (2,), (0, 1), (0, 2), (1, 2)])
    return " ".join(rng.choice(choices[place]) for place in shown)


def _order(rng: Random, buyer: Person, goods: Sequence[Product], placed: date) -> Order:
    lines = tuple(
        Line(product, rng.choice([1, 1, 2, 3, 4, 6])) for product in goods[: rng.randint(1, len(goods))]
    )
    fee = 0 if sum(line.price for line in lines) >= FREE_FROM else rng.choice(FEES)
    arrives = placed + timedelta(days=rng.randint(2, 9))
    return Order(rng.randint(1000, 99_999), buyer, lines, placed, arrives, fee)
