"""The tokenizer: any text comes back, the same texts give the same merges, and `transformers` opens it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from level4_build.text import ShopText
from level4_build.tokens import LEAST, SPECIAL, Tokens, train_tokens
from shared.errors import BadUsage, LadderError


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return train_tokens(ShopText("train", 400), vocab=1000)


@given(text=st.text())
@example("<|eos|> and <|user|> typed by hand")
@example("naïve café 日本語 🏺 \u0000\r\n\t")
@example("  two  spaces, 1234 and £12.50")
def test_any_text_comes_back(tokens: Tokens, text: str) -> None:
    ids = tokens.encode(text)
    assert tokens.decode(ids) == text
    assert all(len(SPECIAL) <= token < len(tokens) for token in ids), "text never writes a special token"


def test_the_special_tokens_come_first_and_have_names(tokens: Tokens) -> None:
    assert [tokens.bos, tokens.eos, tokens.pad, tokens.system, tokens.user, tokens.assistant] == list(
        range(6)
    )
    assert tokens.decode([tokens.bos, *tokens.encode("Hi"), tokens.eos]) == "<|bos|>Hi<|eos|>"


def test_common_words_become_one_token_and_digits_stay_apart(tokens: Tokens) -> None:
    assert len(tokens) == 1000
    assert len(tokens.encode(" order")) == 1
    assert len(tokens.encode("zqxj")) == 4, "what was never seen is spelt"
    assert len(tokens.encode("80578")) == 5
    text = "\n".join(ShopText("train", 50))
    assert len(text.encode()) / len(tokens.encode(text)) > 2, "bytes to a token; a byte each without merges"


def test_the_same_texts_give_the_same_merges_in_any_process() -> None:
    """Also with another number of threads, and with Python's hashes salted anew."""
    script = (
        "from level4_build.text import ShopText; from level4_build.tokens import train_tokens;"
        "print(train_tokens(ShopText('train', 100), vocab=600).digest())"
    )
    here = train_tokens(ShopText("train", 100), vocab=600).digest()
    for threads in ("1", "3"):
        there = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120,
            env=os.environ | {"RAYON_NUM_THREADS": threads, "PYTHONHASHSEED": threads},
        )  # fmt: skip
        assert there.stdout.strip() == here
    assert train_tokens(ShopText("train", 101), vocab=600).digest() != here


def test_transformers_opens_it_and_cuts_alike(tokens: Tokens, tmp_path: Path) -> None:
    tokens.save(tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    assert isinstance(theirs, PreTrainedTokenizerFast)
    for text in ShopText("held-out", 20):
        assert theirs(text)["input_ids"] == tokens.encode(text)
        assert theirs.decode(tokens.encode(text)) == text
    assert (theirs.bos_token_id, theirs.eos_token_id, theirs.pad_token_id) == (
        tokens.bos,
        tokens.eos,
        tokens.pad,
    )


def test_it_comes_back_from_its_folder(tokens: Tokens, tmp_path: Path) -> None:
    tokens.save(tmp_path)
    again = Tokens.load(tmp_path)
    assert again.digest() == tokens.digest()
    assert again.encode("<|eos|> two jugs") == tokens.encode("<|eos|> two jugs")


def test_what_cannot_be_is_explained(tokens: Tokens, tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match=str(LEAST)):
        train_tokens(["text"], vocab=LEAST - 1)
    with pytest.raises(BadUsage, match="half of a character"):
        tokens.encode("\ud800")
    with pytest.raises(LadderError, match="No tokenizer"):
        Tokens.load(tmp_path)
    file = tokens.save(tmp_path)
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole[: len(whole) // 2], encoding="utf-8")
    with pytest.raises(LadderError, match="damaged"):
        Tokens.load(tmp_path)
    other = json.loads(whole)
    other["added_tokens"] = []
    other["model"]["vocab"] = {"a": 0}
    other["model"]["merges"] = []
    file.write_text(json.dumps(other), encoding="utf-8")
    with pytest.raises(LadderError, match=r"no <\|bos\|>"):
        Tokens.load(tmp_path)
