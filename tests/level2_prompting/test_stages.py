"""The stages of a search: each against its definition, then together, on disk, in an index, as a command."""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from index_worker import documents
from word_vectors import WordVectors

from level2_prompting.context import heading_paths, in_context
from level2_prompting.cross import CrossEncoder
from level2_prompting.documents import Document
from level2_prompting.fuse import best_first, reciprocal_rank_fusion
from level2_prompting.index import Index
from level2_prompting.late import max_similarity, sentences_of
from level2_prompting.lexical import K1, B, Lexical, words
from level2_prompting.manifest import Manifest, Snapshot, unit
from level2_prompting.prepared import Prepared, prepare
from level2_prompting.split import split
from level2_prompting.stages import LONGEST_QUESTION, Plan, Staged, search, staged
from shared.cli import cli
from shared.errors import BadUsage, LadderError

TEXTS = {
    "gate.md": "# Tide gates\n\n## Purpose\n\nA tide gate holds back the sea. It closes when the flood "
    "comes.\n\n## Upkeep\n\nSeals are greased each spring. The code E404 means that a seal leaks.\n",
    "gull.md": "# Gulls\n\nA gull is grey. It eats fish, and chips that people drop near the sea.\n\n"
    "## Nests\n\nThree eggs lie in a nest of grass. The gull guards them.\n",
    "plain.txt": "The ferry leaves at seven. It carries cars across the sea.",
}


def encode(texts: Sequence[str]) -> np.ndarray:
    return np.array(WordVectors().embed_documents(list(texts)))


def snapshot_of(texts: dict[str, str]) -> Snapshot:
    chunks = tuple(chunk for name in sorted(texts) for chunk in split(texts[name], name))
    vectors = unit(encode([chunk.text for chunk in chunks]))
    return Snapshot(Manifest("none", "local", "", {}, len(chunks), ""), chunks, vectors, texts)


def find(question: str, plan: Plan, texts: dict[str, str] = TEXTS) -> Staged:
    snapshot = snapshot_of(texts)
    return staged(snapshot, Prepared(snapshot.chunks, encode), encode, question, plan)


# Fusion ------------------------------------------------------------------------------------------------

rankings = st.lists(st.lists(st.integers(0, 12), unique=True, max_size=9), min_size=1, max_size=4)


@given(rankings, st.integers(1, 100))
def test_fusion_is_its_formula(lists: list[list[int]], k: int) -> None:
    scores = reciprocal_rank_fusion(lists, k=k)
    assert set(scores) == {item for ranking in lists for item in ranking}
    for item, score in scores.items():
        terms = [1 / (k + ranking.index(item) + 1) for ranking in lists if item in ranking]
        assert score == pytest.approx(math.fsum(terms), rel=1e-12)


@given(rankings, st.randoms(use_true_random=False))
def test_the_order_of_the_rankings_changes_no_score(lists: list[list[int]], random: object) -> None:
    shuffled = list(lists)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = reciprocal_rank_fusion(lists), reciprocal_rank_fusion(shuffled)
    assert one == pytest.approx(other, rel=1e-12)


@given(st.lists(st.integers(), unique=True, max_size=9))
def test_one_ranking_alone_and_the_same_twice_keep_their_order(ranking: list[int]) -> None:
    assert best_first(reciprocal_rank_fusion([ranking])) == ranking
    assert best_first(reciprocal_rank_fusion([ranking, ranking, []])) == ranking


def test_what_two_rankings_hold_beats_what_one_puts_first() -> None:
    scores = reciprocal_rank_fusion([["a", "b"], ["c", "b"]])
    assert best_first(scores) == ["b", "a", "c"]  # a and c are equal: a was seen first
    assert scores["a"] == scores["c"] == pytest.approx(1 / 61)
    assert best_first(reciprocal_rank_fusion([["a", "b"], ["c", "b"]], weights=[1, 3])) == ["b", "c", "a"]


def test_a_weight_for_each_ranking_or_none() -> None:
    with pytest.raises(ValueError, match="zip"):
        reciprocal_rank_fusion([["a"], ["b"]], weights=[1])


# Words -------------------------------------------------------------------------------------------------


def slow_bm25(texts: Sequence[str], question: str) -> list[float]:
    """Lucene's variant, a term at a time."""
    held = [Counter(words(text)) for text in texts]
    mean = sum(sum(one.values()) for one in held) / len(held)
    scores = []
    for one in held:
        score = 0.0
        for word in words(question):
            n = sum(word in other for other in held)
            idf = math.log(1 + (len(held) - n + 0.5) / (n + 0.5))
            norm = K1 * (1 - B + B * sum(one.values()) / mean)
            score += idf * one[word] / (one[word] + norm) if one[word] else 0.0
        scores.append(score)
    return scores


some_words = st.lists(
    st.sampled_from(["tide", "gate", "sea", "gull", "nests", "the", "of", "7", "E404"]), max_size=12
)


@given(st.lists(some_words, min_size=1, max_size=6), some_words)
def test_bm25_is_its_formula(passages: list[list[str]], asked: list[str]) -> None:
    texts, question = [" ".join(p) for p in passages], " ".join(asked)
    if not any(words(text) for text in texts):
        assert Lexical.of(texts).scores(question).tolist() == [0.0] * len(texts)
    else:
        assert Lexical.of(texts).scores(question) == pytest.approx(slow_bm25(texts, question), rel=1e-5)


def test_words_are_cut_the_same_way_on_both_sides() -> None:
    assert words("The Tides, the tide-gates of K1: E404!") == ["tid", "tid", "gat", "k1", "e404"]
    assert words("¿ … !") == [] and words("Größe ÉTÉ 漢字") == ["größ", "été", "漢字"]


def test_the_table_is_the_same_after_it_was_kept(tmp_path: Path) -> None:
    texts = [chunk.text for chunk in snapshot_of(TEXTS).chunks]
    made = Lexical.of(texts)
    made.save(tmp_path / "words")
    read = Lexical.load(tmp_path / "words", len(texts))
    for question in ("What does E404 mean?", "the sea", "nothing of it", "?"):
        assert read.scores(question).tolist() == made.scores(question).tolist()


def test_passages_without_a_word_are_kept_too(tmp_path: Path) -> None:
    Lexical.of(["…", "the"]).save(tmp_path / "words")
    assert Lexical.load(tmp_path / "words", 2).scores("tide").tolist() == [0, 0]


# Sentences and headings --------------------------------------------------------------------------------


def test_late_interaction_is_its_formula() -> None:
    rng = np.random.default_rng(0)
    parts, vectors = unit(rng.normal(size=(3, 8))), unit(rng.normal(size=(20, 8)))
    owners = rng.integers(0, 6, 20)
    owners[owners == 4] = 5  # the fifth has no sentence
    found = max_similarity(parts, vectors, owners, 6)
    for passage in range(6):
        mine = [vector for vector, owner in zip(vectors, owners, strict=True) if owner == passage]
        expected = np.mean([max((float(p @ v) for v in mine), default=-1) for p in parts])
        assert found[passage] == pytest.approx(expected, abs=1e-6)


def test_every_passage_has_a_sentence() -> None:
    chunks = split("# A\n\nOne. Two!\n\n# B\n\n```\nx = 1\n```\n", "a.md")
    texts, owners = sentences_of(chunks)
    assert texts[:2] == ["One.", "Two!"] and texts[2] == chunks[1].text and owners == [0, 0, 1]


def test_the_headings_above_a_passage() -> None:
    text = (
        "# Title\n\nFirst.\n\n## Part #\n\nSecond.\n\n### Deep\n\n```sh\n# no heading\n```\n\n"
        "## Other\n\nThird.\n\n# New\n\nLast.\n"
    )
    chunks = [*split(text, "a.md"), *split("No heading.", "b.txt")]
    assert heading_paths(chunks) == ["", "Title", "Title > Part", "Title", "", ""]
    shown = in_context(chunks)
    assert shown[1] == f"Title\n\n{chunks[1].text}" and shown[5] == "No heading."
    assert all(text[c.start : c.end] == c.text for c in chunks[:5])
    assert shown[4].startswith("# New")


def test_a_passage_that_is_not_the_first_of_its_section_has_the_headings_above_it() -> None:
    chunks = split("# Tides\n\n## Springs\n\n" + "The sea rises. " * 60, "a.md")
    assert len(chunks) > 2 and set(heading_paths(chunks)[1:]) == {"Tides > Springs"}


# Together ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("context", [False, True])
def test_every_stage_ranks_by_the_score_it_shows(context: bool) -> None:
    question = "What holds back the sea?"
    plan = Plan(rerank=True, context=context, k=3)
    found = find(question, plan)
    chunks = snapshot_of(TEXTS).chunks
    assert found.stages == ("dense", "bm25", "fused", "reranked")
    for stage in found.stages:
        places = sorted(
            (c.places[stage] for c in found.candidates if stage in c.places), key=lambda p: p.rank
        )
        assert [place.rank for place in places] == list(range(1, len(places) + 1))
        assert [place.score for place in places] == sorted((p.score for p in places), reverse=True)

    shown = in_context(chunks) if context else [chunk.text for chunk in chunks]
    asked, plain = unit(encode([question]))[0], unit(encode(shown))
    bm25 = slow_bm25(shown, question)
    texts, owners = sentences_of(chunks)
    near = unit(encode(texts)) @ asked
    for candidate in found.candidates:
        at, places = chunks.index(candidate.chunk), candidate.places
        best = max(near[n] for n, owner in enumerate(owners) if owner == at)
        assert places["dense"].score == pytest.approx(plain[at] @ asked, abs=1e-6)
        assert (bm25[at] > 0) == ("bm25" in places)
        if "bm25" in places:
            assert places["bm25"].score == pytest.approx(bm25[at], rel=1e-5)
        ranks = [places[stage].rank for stage in ("dense", "bm25") if stage in places]
        assert places["fused"].score == pytest.approx(sum(1 / (60 + rank) for rank in ranks))
        assert places["reranked"].score == pytest.approx((plain[at] @ asked + best) / 2, abs=1e-6)

    assert [p.chunk for p in found.passages] == [c.chunk for c in found.candidates[:3]]
    for passage in found.passages:
        assert passage.similarity == pytest.approx(plain[chunks.index(passage.chunk)] @ asked, abs=1e-6)
        assert TEXTS[passage.chunk.source][passage.chunk.start : passage.chunk.end] == passage.chunk.text
    assert set(found.texts) == {p.chunk.source for p in found.passages}
    assert list(found.times) == ["encode", "dense", "bm25", "fuse", "rerank", "distinct"]


@pytest.mark.parametrize(
    ("plan", "stages"),
    [
        (Plan(), ("dense", "bm25", "fused")),
        (Plan(bm25=False), ("dense",)),
        (Plan(dense=False), ("bm25",)),
        (Plan(bm25=False, rerank=True), ("dense", "reranked")),
    ],
)
def test_a_plan_says_which_stages_run(plan: Plan, stages: tuple[str, ...]) -> None:
    found = find("the sea at seven", plan)
    assert found.stages == stages and len(found.passages) >= 2


def test_headings_find_what_the_passage_does_not_say() -> None:
    """`Seals are greased` never says of what: only its headings do."""
    long = TEXTS["gate.md"] + "\n" + "More words follow here. " * 30 + "Then it opens."
    texts = {**TEXTS, "gate.md": long}
    plain = find("upkeep of tide gates", Plan(dense=False, k=9), texts)
    headed = find("upkeep of tide gates", Plan(dense=False, k=9, context=True), texts)
    last = split(long, "gate.md")[-1].id
    assert last not in {c.chunk.id for c in plain.candidates}
    assert last in {c.chunk.id for c in headed.candidates}


def test_a_weight_of_nothing_leaves_the_other_ranking() -> None:
    question = "gull fish sea"
    alone = find(question, Plan(dense=False, pool=9))
    fused = find(question, Plan(dense_weight=0, pool=9, k=2))
    assert [p.chunk for p in fused.passages] == [p.chunk for p in alone.passages[:2]]


def test_of_passages_that_say_the_same_the_best_ranked_stays() -> None:
    texts = {**TEXTS, "copy.md": TEXTS["gate.md"].replace("holds back", "holds   back")}
    found = find("What holds back the sea?", Plan(k=9), texts)
    left = {c.chunk.source: c for c in found.candidates if "Purpose" in c.chunk.text}
    assert left["copy.md"].twin == "" and left["gate.md"].twin == left["copy.md"].chunk.id
    kept = [p.chunk.text.replace("holds   back", "holds back") for p in found.passages]
    assert len(kept) == len(set(kept))
    every = find("What holds back the sea?", Plan(k=9, distinct=1), texts)
    assert len(every.passages) > len(found.passages) and not any(c.twin for c in every.candidates)


def test_the_pool_is_what_a_stage_hands_on() -> None:
    found = find("the sea", Plan(pool=2, k=2, rerank=True))
    assert all(place.rank <= 2 for c in found.candidates for place in c.places.values())
    assert len(found.candidates) == 2


def test_a_question_that_shares_no_word_is_found_nowhere_by_words() -> None:
    found = find("xylophone", Plan(dense=False, rerank=True))
    assert found.passages == () and found.candidates == ()


@pytest.mark.parametrize(
    "knobs",
    [
        {"dense": False, "bm25": False}, {"k": 0}, {"k": 5, "pool": 4}, {"distinct": 0.0},
        {"dense_weight": -1.0},
    ],
)  # fmt: skip
def test_a_plan_that_cannot_be_followed_is_said(knobs: dict[str, float]) -> None:
    with pytest.raises(BadUsage):
        Plan(**knobs)  # type: ignore[arg-type]


# On disk -----------------------------------------------------------------------------------------------


class Counting:
    """An encoder that remembers what it was asked for."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        self.texts += texts
        return encode(texts)


def test_what_is_prepared_is_not_embedded_again(tmp_path: Path) -> None:
    snapshot, counting = snapshot_of(TEXTS), Counting()
    shares: list[float] = []
    made, kept = prepare(tmp_path, snapshot.chunks[::-1], counting, on_progress=shares.append)
    assert kept == 0 and made == len(counting.texts) == len(set(counting.texts)) and shares[-1] == 1
    asked = Counting()
    for plan in (Plan(rerank=True), Plan(rerank=True, context=True)):
        ready = Prepared(snapshot.chunks, asked, tmp_path)
        found = staged(snapshot, ready, asked, "What holds back the sea?", plan)
        assert found == find("What holds back the sea?", plan)
    assert asked.texts == ["What holds back the sea?"] * 2


def test_only_what_is_new_is_embedded(tmp_path: Path) -> None:
    before, counting = snapshot_of(TEXTS), Counting()
    made, _ = prepare(tmp_path / "one", before.chunks, encode)
    after = snapshot_of({**TEXTS, "plain.txt": "The ferry leaves at eight. It carries cars across the sea."})
    new, kept = prepare(tmp_path / "two", after.chunks, counting, old=tmp_path / "one")
    assert counting.texts == ["The ferry leaves at eight."] and (new, kept) == (1, made - 1)
    prepare(tmp_path / "fresh", after.chunks, encode)
    for file in (tmp_path / "fresh").rglob("*.*"):
        assert (tmp_path / "two" / file.relative_to(tmp_path / "fresh")).read_bytes() == file.read_bytes()


class Evil:
    """A pickle that would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def test_files_that_are_missing_foreign_or_damaged_are_computed_anew(tmp_path: Path) -> None:
    snapshot, plan = snapshot_of(TEXTS), Plan(rerank=True, context=True)
    expected = find("the sea", plan)

    def now(folder: Path) -> Staged:
        return staged(snapshot, Prepared(snapshot.chunks, encode, folder), encode, "the sea", plan)

    assert now(tmp_path / "nowhere") == expected
    prepare(tmp_path / "other", snapshot.chunks[:2], encode)
    assert now(tmp_path / "other") == expected
    for number, name in enumerate(
        ("table.npy", "keys.json", "owners.npy", "words-in-context/vocab.index.json")
    ):
        folder = tmp_path / str(number)
        prepare(folder, snapshot.chunks, encode)
        for damage in (b"", b"{", None):
            (folder / name).write_bytes(damage) if damage is not None else (folder / name).unlink()
            assert now(folder) == expected
    folder = tmp_path / "evil"
    prepare(folder, snapshot.chunks, encode)
    np.save(folder / "owners.npy", np.array([Evil(tmp_path / "was-here")], object), allow_pickle=True)
    assert now(folder) == expected and not (tmp_path / "was-here").exists()


# In an index -------------------------------------------------------------------------------------------


def test_an_index_is_searched_in_stages(tmp_path: Path) -> None:
    index = Index(tmp_path / "index", "local", WordVectors())
    index.build(documents(1))
    found = search(index, "The tide of build 1,\n part 3.", Plan(k=5, distinct=1))
    assert found.question == "The tide of build 1, part 3." and len(found.passages) == 5
    assert found.passages[0].chunk.source == "tide.md"
    dense = search(index, "harbour", Plan(k=5, bm25=False, distinct=1)).passages
    assert [p.similarity for p in dense] == pytest.approx(
        [p.similarity for p in index.search("harbour", k=5).passages], abs=1e-5
    )


class Remembers(WordVectors):
    """It remembers what it embedded."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.texts += texts
        return super().embed_documents(texts)


def test_a_build_prepares_what_the_stages_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = Remembers()
    index = Index(tmp_path, "local", embedder)
    manifest = index.build([Document(name, text) for name, text in TEXTS.items()])
    embedder.texts.clear()
    plan = Plan(rerank=True, context=True)
    found = search(index, "What holds back the sea?", plan)
    assert embedder.texts == ["What holds back the sea?"]
    here = find("What holds back the sea?", plan)  # Chroma may round a vector's last bit
    assert [p.chunk for p in found.passages] == [p.chunk for p in here.passages]
    for one, other in zip(found.candidates, here.candidates, strict=True):
        assert one.places["reranked"].score == pytest.approx(other.places["reranked"].score, abs=1e-6)
    shutil.rmtree(index.extra(manifest))  # as in an index of an older version
    monkeypatch.setattr("level2_prompting.stages._open", {})
    assert search(index, "What holds back the sea?", plan) == found and len(embedder.texts) > 2


class Replaces(WordVectors):
    """While it embeds the first question, another build takes the index's place."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked = folder, 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.asked += 1
        if self.asked == 1:
            Index(self.folder, "local", WordVectors()).build(documents(2))
        return super().embed_documents(texts)


def test_an_index_that_is_replaced_meanwhile_gives_the_new_build_alone(tmp_path: Path) -> None:
    Index(tmp_path, "local", WordVectors()).build(documents(1))
    slow = Replaces(tmp_path)
    found = search(Index(tmp_path, "local", slow), "tide", Plan(k=6))
    assert slow.asked == 2
    assert all("build 2" in p.chunk.text for p in found.passages) and len(found.passages) == 6
    assert all("build 2" in text for text in found.texts.values())


def test_a_question_stays_here_though_the_index_was_made_elsewhere(tmp_path: Path) -> None:
    index = Index(tmp_path, "local", WordVectors())
    manifest = index.build([Document("a.md", "One passage.")])
    pointer = json.loads((tmp_path / "current.json").read_text())
    (tmp_path / "current.json").write_text(json.dumps({**pointer, "provider": "openai"}))
    assert index.manifest() == replace(manifest, provider="openai")
    with pytest.raises(LadderError, match="sends the question there") as error:
        search(index, "passage")
    assert "--provider openai" in error.value.fix
    assert search(index, "passage", provider="openai").passages


@pytest.mark.parametrize("question", ["", " \n ", "x" * (LONGEST_QUESTION + 1)])
def test_a_question_put_wrongly_is_a_usage_error(tmp_path: Path, question: str) -> None:
    with pytest.raises(BadUsage, match="question"):
        search(Index(tmp_path, "local", WordVectors()), question)


# A cross-encoder ---------------------------------------------------------------------------------------


def cross_encoder(folder: Path, labels: int = 1) -> Path:
    """A very small one with weights drawn from a seed."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    found = sorted({word for text in TEXTS.values() for word in words(text)} | {"the", "sea", "what"})
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *found]))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(found) + 5, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, num_labels=labels, initializer_range=0.5,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def test_a_cross_encoder_judges_pairs(tmp_path: Path) -> None:
    import torch

    folder = cross_encoder(tmp_path / "cross")
    model = CrossEncoder.load(str(folder))
    passages = [chunk.text for chunk in snapshot_of(TEXTS).chunks] * 5  # more than one batch
    scores = model.scores("the sea", passages)
    for text, score in zip(passages[:5], scores[:5], strict=True):
        with torch.inference_mode():  # alone, without padding
            alone = model._model(**model._tokenizer("the sea", text, return_tensors="pt")).logits.item()
        assert score == pytest.approx(alone, abs=1e-5)
    assert len(set(scores.tolist())) > 3
    assert scores[: len(passages) // 5] == pytest.approx(scores[-len(passages) // 5 :], abs=1e-5)

    found = find("the sea", Plan(cross_encoder=str(folder)))
    ranked = {c.chunk.text: c.places["reranked"].score for c in found.candidates}
    for text, score in zip(passages[:5], scores[:5], strict=True):
        assert ranked.get(text, score) == pytest.approx(score, abs=1e-5)
    assert list(ranked.values()) == sorted(ranked.values(), reverse=True)


def test_what_is_no_cross_encoder_is_said(tmp_path: Path) -> None:
    with pytest.raises(LadderError, match="holds no cross-encoder"):
        find("the sea", Plan(cross_encoder=str(tmp_path)))
    with pytest.raises(LadderError, match="holds no cross-encoder"):
        find("the sea", Plan(cross_encoder="no-such-model"))
    with pytest.raises(LadderError, match="gives 3 numbers"):
        find("the sea", Plan(cross_encoder=str(cross_encoder(tmp_path / "three", labels=3))))


# The command -------------------------------------------------------------------------------------------


@pytest.fixture
def gates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    """The index that the command opens, with vectors that need no service."""
    index = Index(tmp_path / "index", "local", WordVectors())
    index.build([Document(name, text) for name, text in TEXTS.items()])
    monkeypatch.setattr("level2_prompting.library.current", lambda say: index)
    return index


@pytest.mark.usefixtures("gates")
def test_the_command_shows_passages_and_on_demand_every_stage() -> None:
    done = CliRunner().invoke(cli, ["level2", "search", "What", "does", "E404", "mean?", "-k", "1"])
    assert done.exit_code == 0, done.output
    first, second = done.stdout.splitlines()
    assert first.startswith("[S1] gate.md, characters 91 to ") and "cosine 0." in first
    assert "E404 means that a seal leaks." in second

    done = CliRunner().invoke(cli, ["level2", "search", "E404", "--stages", "--bm25", "--rerank", "-k", "1"])
    assert done.exit_code == 0, done.output
    assert all(word in done.stdout for word in ("dense", "bm25", "fused", "reranked", "encode", " ms"))
    assert sum("S1" in line for line in done.stdout.splitlines()) == 2


@pytest.mark.usefixtures("gates")
def test_the_command_as_json_is_what_was_found() -> None:
    done = CliRunner().invoke(cli, ["level2", "search", "E404", "--bm25", "--no-dense", "--json"])
    told = json.loads(done.stdout)
    (passage,) = told["passages"]
    assert TEXTS["gate.md"][passage["start"] : passage["end"]] == passage["text"]
    assert told["plan"]["dense"] is False and list(told["candidates"][0]["places"]) == ["bm25"]
    assert told["times"]["bm25"] > 0


@pytest.mark.usefixtures("gates")
@pytest.mark.parametrize(
    ("words_", "said"),
    [
        (("x", "--no-dense", "--no-bm25"), "there is no search"),
        (("x", "--pool", "2"), "pool of 2"),
        ((" ",), "The question is empty"),
        (("x", "--distinct", "0"), "distinct"),
    ],
)
def test_the_command_put_wrongly(words_: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(cli, ["level2", "search", *words_])
    assert done.exit_code == 2 and said in done.stderr and "Traceback" not in done.output
