"""A new build embeds what is new, keeps the rest, and is checked before anybody reads it."""

from __future__ import annotations

from pathlib import Path

import chromadb
import numpy as np
import pytest
from index_worker import documents
from word_vectors import WordVectors

from level2_prompting.documents import Document
from level2_prompting.incremental import PROBES, fill
from level2_prompting.index import HNSW, Index
from level2_prompting.manifest import unit
from level2_prompting.selfcheck import check, recall_of
from level2_prompting.split import Chunk, split
from shared.errors import LadderError


class Counts(WordVectors):
    """Says which texts were embedded."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.texts += texts
        return super().embed_documents(texts)


class Other(Counts):
    """Another encoder: the same words lie elsewhere."""

    def embed_query(self, text: str) -> list[float]:
        return super().embed_query(text[::-1])


def build(folder: Path, embed: Counts, texts: dict[str, str]) -> tuple[Index, set[str]]:
    """The index after a build, and the passages' texts that were embedded for it."""
    index = Index(folder, "local", embed)
    embed.texts.clear()
    index.build([Document(name, text) for name, text in texts.items()])
    passages = {chunk.text for chunk in index.snapshot().chunks}
    return index, passages & set(embed.texts)


def test_only_what_is_new_is_embedded(tmp_path: Path) -> None:
    embed = Counts()
    texts = {d.name: d.text for d in documents(1)}
    index, first = build(tmp_path, embed, texts)
    assert len(first) == 48 and index.snapshot().manifest.kept == 0
    texts["tide.md"] = "# News\n\nA paragraph put first moves all the others.\n\n" + texts["tide.md"]
    texts["moved.md"] = texts.pop("storm.md")
    index, second = build(tmp_path, embed, texts)
    whole = index.snapshot()
    assert whole.manifest.kept == 48 and whole.manifest.chunks == 49
    assert {text for text in second if "put first" in text} == second - first
    again = [text for text in embed.texts if "put first" not in text and "News" not in text]
    assert len(again) == PROBES and set(again) <= first  # of passages and of sentences, nothing else
    expected = unit(np.array(WordVectors().embed_documents([c.text for c in whole.chunks])))
    np.testing.assert_allclose(whole.vectors, expected, atol=1e-6)
    assert all(whole.texts[c.source][c.start : c.end] == c.text for c in whole.chunks)


def test_another_index_gives_its_vectors_and_stays_as_it_is(tmp_path: Path) -> None:
    embed = Counts()
    texts = {d.name: d.text for d in documents(1)}
    first, _ = build(tmp_path / "first", embed, texts)
    before, news = first.manifest(), Document("news.md", "# News\n\nThe gate is shut for a week.\n")
    embed.texts.clear()
    second = Index(tmp_path / "second", "local", embed)
    made = second.build([*(Document(name, text) for name, text in texts.items()), news], like=first)
    assert (made.kept, made.chunks) == (48, 49) and first.manifest() == before
    assert len([text for text in embed.texts if "for a week" not in text]) == PROBES
    mine = {c.id: v for c, v in zip(second.snapshot().chunks, second.snapshot().vectors, strict=True)}
    theirs = first.snapshot()
    given = np.stack([mine[chunk.id] for chunk in theirs.chunks])
    np.testing.assert_allclose(given, theirs.vectors, atol=1e-6)


def test_what_another_encoder_made_is_not_kept_though_its_name_is_the_same(tmp_path: Path) -> None:
    texts = {d.name: d.text for d in documents(1)}
    build(tmp_path, Counts(), texts)
    other = type("Counts", (Other,), {})()
    index, embedded = build(tmp_path, other, texts)
    assert index.manifest().kept == 0 and len(embedded) == 48  # type: ignore[union-attr]


def test_another_encoder_by_name_is_not_even_asked(tmp_path: Path) -> None:
    texts = {d.name: d.text for d in documents(1)}
    build(tmp_path, Counts(), texts)
    other = Other()
    index, _ = build(tmp_path, other, texts)
    assert index.manifest().kept == 0 and len(set(other.texts)) >= 48  # type: ignore[union-attr]


def test_a_build_that_fails_its_check_is_removed_and_the_old_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Index(tmp_path, "local", WordVectors())
    old = index.build(documents(1))
    monkeypatch.setattr("level2_prompting.selfcheck.LEAST_RECALL", 1.01)  # nothing reaches it
    with pytest.raises(LadderError, match="self-check: it finds 1"):
        index.build(documents(2))
    assert index.manifest() == old
    assert [c.name for c in index._client().list_collections()] == [old.collection]
    assert [folder.name for folder in (tmp_path / "builds").iterdir()] == [old.collection]
    assert {file.stem for file in (tmp_path / "texts").iterdir()} == set(old.documents.values())
    assert "build 1" in index.search("tide").passages[0].chunk.text


@pytest.fixture
def filled(tmp_path: Path) -> tuple[chromadb.Collection, list[Chunk], np.ndarray]:
    """300 passages in a real collection, with random vectors."""
    chunks = split("\n\n".join(f"# {n}\n\nWords of part {n}." for n in range(300)), "a.md")
    table = unit(np.random.default_rng(0).normal(size=(300, 16)))
    known = {chunk.text: vector for chunk, vector in zip(chunks, table, strict=True)}
    collection = chromadb.PersistentClient(str(tmp_path)).create_collection(
        "docs", configuration=HNSW, embedding_function=None
    )
    return collection, chunks, fill(collection, chunks, known, np.asarray)


def test_the_check_passes_what_is_whole_and_names_what_is_not(
    filled: tuple[chromadb.Collection, list[Chunk], np.ndarray],
) -> None:
    collection, chunks, vectors = filled
    check(collection, chunks, vectors, np.random.default_rng(0))
    with pytest.raises(LadderError, match="holds 300 of 299"):
        check(collection, chunks[:-1], vectors[:-1], np.random.default_rng(0))
    shifted = np.roll(vectors, 1, axis=0)  # each vector belongs to its neighbour
    with pytest.raises(LadderError, match="200 of 200 passages do not find themselves"):
        check(collection, chunks, shifted, np.random.default_rng(0))
    swapped = [Chunk("x" + c.id, c.source, c.text, c.start, c.end) for c in chunks]
    with pytest.raises(LadderError, match="others than were written"):
        check(collection, swapped, vectors, np.random.default_rng(0))


def test_equal_passages_count_as_each_other(tmp_path: Path) -> None:
    index = Index(tmp_path, "local", WordVectors())
    manifest = index.build([Document(f"{n}.md", "The same words everywhere.") for n in range(30)])
    assert manifest.chunks == 30


def test_recall_is_the_share_of_the_nearest_found() -> None:
    vectors = unit(np.array([[1, 0], [0.9, 0.1], [0.5, 0.5], [0, 1]]))
    asked = unit(np.array([[1.0, 0.0]]))
    assert recall_of([[0, 1]], asked, vectors) == 1
    assert recall_of([[0, 2]], asked, vectors) == 0.5
    twice = np.concatenate([vectors, vectors[1:2]])  # either of two equally near ones will do
    assert recall_of([[0, 4]], asked, twice) == recall_of([[0, 1]], asked, twice) == 1
