"""What comes of the training of a language model: a folder that `transformers` opens, and text from it.

    for piece in Writing(load(), "The order", 60, Sampling(0.8), seed=0):
        print(piece, end="", flush=True)

Beside the files of `pretrained.py` the folder holds ladder.json, which says where the model comes from.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from level4_build import pretrained
from level4_build.card import Card, Part
from level4_build.generate import Sampling, stream
from level4_build.llama import Llama
from level4_build.lm_task import LanguageConfig
from level4_build.product import Data, Results
from level4_build.task import Split
from level4_build.tokens import Tokens
from level4_build.trainer import Fit
from level4_build.unet import parameters
from shared.errors import LadderError
from shared.files import write_atomic
from shared.settings import settings
from shared.tracking import Run

TRAIN_FIRST = "Train one: ladder level4 train --task language"
ABOUT = "ladder.json"
PROMPT, SAMPLE_TOKENS, SAMPLING = "The order", 60, Sampling(temperature=0.8)
HALF = "\ufffd"  # what bytes become that are no whole character yet


@dataclass(frozen=True)
class TrainedLanguage:
    """A language model that is ready for use, and where it comes from.

    Attributes:
        scores: of the text that it was not trained on, by name.
        run_id, url: the run that measured it; None if none could be recorded.
    """

    model: Llama
    tokens: Tokens
    config: LanguageConfig
    steps: int
    scores: dict[str, float | None]
    run_id: str | None = None
    url: str | None = None

    def __str__(self) -> str:
        bits = self.scores["bits_per_byte/val"]
        told = "" if bits is None else f", {bits:.2f} bits per byte"
        return f"the {self.config.preset} language model of {self.steps} steps{told}"


class LanguageModel:
    """See `Product`."""

    engine, headings = "llama", ("score", "value")
    watched = ("bits_per_byte/val", "bits per byte")

    def plan(self, config: LanguageConfig) -> str:
        task = config.task()
        return (
            f"Training a language model of {parameters(task.network()):,} parameters: {config.steps} steps "
            f"of {config.batch} of {task.size('train')} blocks of {config.length} tokens, "
            f"from {config.train_count} documents; {len(task.tokens)} different tokens."
        )

    def sample(self, model: nn.Module, config: LanguageConfig) -> str:
        assert isinstance(model, Llama)
        tokens = config.task().tokens
        pieces = continued(model, tokens, PROMPT, SAMPLE_TOKENS, SAMPLING, config.seed)
        return PROMPT + "".join(piece for piece, _ in pieces)

    def rows(self, fit: Fit) -> list[tuple[str, float | None]]:
        names = {"loss/val": "loss", "perplexity/val": "perplexity", "bits_per_byte/val": "bits per byte"}
        return [(name, fit.scores[key]) for key, name in names.items()]

    def summary(self, fit: Fit) -> str:
        if fit.config.overfit_batches:
            return "scored on the blocks that it learnt"
        return f"{fit.config.val_count} documents not trained on"

    def as_dict(self, fit: Fit) -> dict[str, Any]:
        return {name.removesuffix("/val"): value for name, value in fit.scores.items() if name != "loss/val"}

    def results(self, fit: Fit, run_id: str | None, url: str | None) -> Results:
        """A sample of text, the card of the text that was learnt, and the folder of the model."""
        config: LanguageConfig = fit.config
        task = config.task()
        about = {
            "config": config.as_dict(), "steps": fit.steps, "scores": fit.scores, "run_id": run_id,
            "url": url,
        }  # fmt: skip
        files = {
            "sample.txt": (self.sample(fit.model, config) + "\n").encode(),
            "data.md": data_card(config).encode(),
            f"model/{ABOUT}": json.dumps(about, indent=1).encode(),
        }
        with tempfile.TemporaryDirectory() as folder:
            assert isinstance(fit.model, Llama)
            pretrained.save(fit.model, task.tokens, Path(folder))
            written = {f"model/{file.name}": file.read_bytes() for file in Path(folder).iterdir()}
        scores = {name: value for name, value in self.as_dict(fit).items() if value is not None}
        data = [data_of(config, "train", "training"), data_of(config, "val", "val")]
        return Results(scores, {**files, **written}, {}, data)

    def in_use(self) -> str:
        try:
            return str(load())
        except LadderError:
            return ""

    def keep(self, files: Mapping[str, bytes]) -> Path:
        """Put the whole folder in the place of the one before: never some files of each."""
        folder = place()
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as beside:
            new = Path(beside) / "new"
            for name, data in files.items():
                if name.startswith("model/"):
                    write_atomic(new / Path(name).name, data)
            if folder.exists():
                folder.rename(Path(beside) / "old")
            new.rename(folder)
        return folder

    def register(self, fit: Fit, run: Run) -> str:
        """The registry is of segmenters; a language model is its folder."""
        return ""


def data_card(config: LanguageConfig) -> str:
    """The card of the text that a model learns and is scored on, Markdown."""
    task = config.task()
    texts = {"train": task.text("train"), "val": task.text("val")}
    calls = " and ".join(f"`ShopText({t.split!r}, {t.count}, {t.seed})`" for t in texts.values())
    facts = texts["train"].card()
    return Card(
        name="Text about a small shop",
        what="Orders, reviews, tickets and other short documents in English, whose facts agree.",
        origin=facts["origin"] + ".",
        generator=f"{calls} of `level4_build/text.py`.",
        seed=config.seed,
        licence=facts["licence"] + ", as the project.",
        limits="sentences by a rule: a model that writes them well knows no other English. No person in it "
        "exists.",
        parts=[Part(name, len(text), text.digest()) for name, text in texts.items()],
    ).markdown()


def data_of(config: LanguageConfig, split: Split, context: str) -> Data:
    """A split as a run names it."""
    text = config.task().text(split)
    source = f"level4_build.text.ShopText({text.split!r}, {text.count}, {text.seed})"
    return Data(f"shop-text-{text.split}", text.digest(), source, context)


# In use ----------------------------------------------------------------------------------------------


def place() -> Path:
    """Where the last trained language model is kept."""
    return settings().models / "level4-language"


def load(folder: Path | None = None) -> TrainedLanguage:
    """Read a trained language model, by default the last one.

    Raises:
        LadderError: there is none yet, a file is damaged, or the folder is of something else.
    """
    folder = folder or place()
    if not (folder / ABOUT).is_file():
        raise LadderError(f"No language model of this level is at {folder}.", TRAIN_FIRST)
    model, tokens = pretrained.load(folder)
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        return TrainedLanguage(model, tokens, LanguageConfig.from_dict(about.pop("config")), **about)
    except (KeyError, TypeError, ValueError, OSError):
        raise LadderError(f"The file {folder / ABOUT} is damaged.", TRAIN_FIRST) from None


class Writing:
    """A text as the model goes on with it: iterate for its pieces, each as soon as it is there.

    Args:
        most: tokens at most; it ends earlier where the model ends its text.
        sampling: how each token is chosen; a temperature of 0 always takes the likeliest.
        seed: the same gives the same text.

    Attributes:
        text: what was written so far, without the beginning that was given.
        count: tokens of it.
        began, ended: in nanoseconds since the epoch.

    Raises:
        BadUsage: while it is read: the beginning is longer than the model can read.
    """

    def __init__(
        self, trained: TrainedLanguage, beginning: str, most: int, sampling: Sampling, seed: int
    ) -> None:
        self.trained, self.beginning = trained, beginning
        self.most, self.sampling, self.seed = most, sampling, seed
        self.text, self.count, self.began, self.ended = "", 0, 0, 0

    def __iter__(self) -> Iterator[str]:
        model, tokens = self.trained.model, self.trained.tokens
        self.began = time.time_ns()
        for piece, count in continued(model, tokens, self.beginning, self.most, self.sampling, self.seed):
            self.text, self.count, self.ended = self.text + piece, count, time.time_ns()
            yield piece

    def pace(self) -> float:
        """Tokens in a second."""
        return self.count / ((self.ended - self.began) / 1e9) if self.count else 0.0


def continued(
    model: Llama, tokens: Tokens, text: str, most: int, sampling: Sampling, seed: int
) -> Iterator[tuple[str, int]]:
    """Pieces of text, and how many tokens there are with it. A character of several tokens comes when it is
    whole."""
    prompt = [tokens.bos, *tokens.encode(text)]
    generator = torch.Generator().manual_seed(seed)
    written: list[int] = []
    told = ""
    for (token,) in stream(model, [prompt], most, sampling, generator, (tokens.eos,)):
        if token is None or token == tokens.eos:
            break
        written.append(token)
        whole = tokens.decode(written)
        if not whole.endswith(HALF):
            yield whole[len(told) :], len(written)
            told = whole
    rest = tokens.decode(written)[len(told) :]
    if rest:
        yield rest, len(written)
