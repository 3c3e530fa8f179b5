"""The index in a real Chroma: found, replaced, watched from another process, killed in between."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from chromadb.api.shared_system_client import SharedSystemClient
from index_worker import TOPICS, changed, documents, work
from word_vectors import WordVectors

from level2_prompting.documents import Document
from level2_prompting.index import Found, Index
from level2_prompting.stages import Plan, search
from shared.errors import LadderError

WORKER = Path(__file__).with_name("index_worker.py")


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(tmp_path / "index", "local", WordVectors())


def builds(found: Found) -> set[str]:
    """Which builds the passages are of."""
    return {number for p in found.passages for number in re.findall(r"build (\d+)", p.chunk.text)}


def collections(index: Index) -> list[str]:
    return [collection.name for collection in index._client().list_collections()]


def test_passages_come_nearest_first_with_their_cosine(index: Index) -> None:
    index.build(documents(1))
    question = "The tide of build 1, part 3."
    found = index.search(question, k=5)
    asked = np.array(WordVectors().embed_query(question))
    for passage in found.passages:
        vector = np.array(WordVectors().embed_query(passage.chunk.text))
        cosine = asked @ vector / np.linalg.norm(asked) / np.linalg.norm(vector)
        assert passage.similarity == pytest.approx(cosine, abs=1e-5)  # Chroma keeps float32
        chunk = passage.chunk
        assert found.texts[chunk.source][chunk.start : chunk.end] == chunk.text
    near = [passage.similarity for passage in found.passages]
    assert near == sorted(near, reverse=True) and len(near) == 5
    assert found.passages[0].chunk.source == "tide.md"


def test_the_index_agrees_with_exact_search(index: Index) -> None:
    index.build(documents(1))
    everything = index.search("harbour", k=48).passages
    assert len({passage.chunk.id for passage in everything}) == 48
    for topic in TOPICS:
        asked = np.array(WordVectors().embed_query(topic))
        vectors = np.array([WordVectors().embed_query(p.chunk.text) for p in everything])
        exact = np.sort(vectors @ asked / np.linalg.norm(vectors, axis=1) / np.linalg.norm(asked))[::-1]
        found = [passage.similarity for passage in index.search(topic, k=10).passages]
        assert found == pytest.approx(exact[:10], abs=1e-5)


def test_more_is_asked_for_than_there_is(index: Index) -> None:
    index.build([Document("a.md", "One passage.")])
    assert len(index.search("passage", k=20).passages) == 1


def test_a_new_build_replaces_the_old_and_leaves_nothing_behind(index: Index) -> None:
    first = index.build(documents(1))
    second = index.build([Document("a.md", "New words of build 2.")])
    assert collections(index) == [second.collection] != [first.collection]
    assert len([path for path in (index.folder / "chroma").iterdir() if path.is_dir()]) == 1  # its graph
    assert [file.stem for file in (index.folder / "texts").iterdir()] == list(second.documents.values())
    assert builds(index.search("tide", k=4)) == {"2"}


def test_the_same_documents_can_be_indexed_again(index: Index) -> None:
    first, second = index.build(documents(1)), index.build(documents(1))
    assert first.fingerprint == second.fingerprint and first.collection != second.collection
    assert len(index.search("tide", k=4).passages) == 4


def test_threads_may_open_an_index_at_once(index: Index) -> None:
    """Chroma would hand out a client before it is started."""
    index.build(documents(1))
    SharedSystemClient.clear_system_cache()  # as in a new process
    together = Barrier(8)

    def look(_: int) -> int:
        together.wait()
        return len(Index(index.folder, "local", WordVectors()).search("storm", k=6).passages)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(look, range(8))) == [6] * 8


def test_the_text_is_kept_though_the_file_changes(index: Index) -> None:
    index.build([Document("a.md", "Ünder the ﬁrst 🌊 bridge.\n")])
    assert index.search("bridge").texts == {"a.md": "Ünder the ﬁrst 🌊 bridge.\n"}


def test_a_snapshot_is_all_of_a_build_in_a_fixed_order(index: Index) -> None:
    index.build(documents(1))
    whole = index.snapshot()
    assert len(whole.chunks) == whole.manifest.chunks == 48
    assert [(c.source, c.start) for c in whole.chunks] == sorted((c.source, c.start) for c in whole.chunks)
    expected = np.array(WordVectors().embed_documents([c.text for c in whole.chunks]))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert whole.vectors.dtype == np.float32
    np.testing.assert_allclose(whole.vectors, expected, atol=1e-6)
    assert whole.texts == {d.name: d.text for d in documents(1)}


def test_a_snapshot_is_read_once_a_build_and_follows_the_pointer(index: Index) -> None:
    index.build(documents(1))
    first = index.snapshot()
    assert Index(index.folder, "local", WordVectors()).snapshot() is first
    assert not first.vectors.flags.writeable  # all who ask share it
    second = index.build(documents(2))
    assert index.snapshot().manifest == second
    assert {"build 2" in c.text for c in index.snapshot().chunks} == {True}


def test_what_a_build_keeps_beside_chroma_goes_with_it(index: Index) -> None:
    first = index.build(documents(1))
    found = search(index, "harbour", Plan(rerank=True, context=True))
    assert len(found.passages) == 4 and {"fused", "reranked"} < found.candidates[0].places.keys()
    assert any(index.extra(first).iterdir())
    second = index.build(documents(2))
    assert not index.extra(first).exists() and any(index.extra(second).iterdir())


def test_nothing_more_is_embedded_to_search_in_stages(index: Index) -> None:
    index.build(documents(1))
    asked: list[str] = []

    class Listens(WordVectors):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            asked.extend(texts)
            return super().embed_documents(texts)

    search(Index(index.folder, "local", Listens()), "harbour", Plan(rerank=True, context=True))
    assert asked == ["harbour"]


def test_without_an_index_one_is_told_how_to_make_it(index: Index) -> None:
    assert index.manifest() is None
    with pytest.raises(LadderError, match="There is no index yet") as error:
        index.search("tide")
    assert "ladder level2 index" in error.value.fix


def test_a_damaged_pointer_is_one_sentence(index: Index) -> None:
    index.folder.mkdir(parents=True)
    for content in ("{", "[]", json.dumps({"collection": "x"})):
        (index.folder / "current.json").write_text(content)
        with pytest.raises(LadderError, match="cannot be read"):
            index.search("tide")


def test_a_lost_collection_is_said_and_mended_by_indexing(index: Index) -> None:
    manifest = index.build(documents(1))
    index._client().delete_collection(manifest.collection)
    with pytest.raises(LadderError, match="it is damaged"):
        index.search("tide")
    index.build(documents(2))
    assert builds(index.search("tide")) == {"2"}


class Breaks(WordVectors):
    """Vectors that fail after the first batch, as a service that goes away."""

    calls = 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.calls += 1
        if self.calls > 1:
            raise RuntimeError("gone")
        return super().embed_documents(texts)


def test_a_build_that_fails_leaves_the_old_index(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("level2_prompting.incremental.BATCH", 10)
    old = index.build(documents(1))
    with pytest.raises(RuntimeError):
        Index(index.folder, "local", Breaks()).build(documents(2))
    assert index.manifest() == old and builds(index.search("tide", k=8)) == {"1"}
    assert index.build(documents(3)).collection in collections(index)
    assert len(collections(index)) == 1  # what the failed build left is gone


def test_nothing_to_index_is_said_and_changes_nothing(index: Index) -> None:
    old = index.build(documents(1))
    with pytest.raises(LadderError, match="nothing to index"):
        index.build([])
    assert index.manifest() == old


def worker(*arguments: str) -> subprocess.Popen[str]:
    """Another process that indexes."""
    return subprocess.Popen(
        [sys.executable, str(WORKER), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_reader_never_sees_two_builds_while_another_process_indexes(index: Index) -> None:
    index.build(documents(0))
    writer = worker("build", str(index.folder), "8")
    seen: list[int] = []
    rng = random.Random(0)
    while writer.poll() is None:
        found = index.search(rng.choice(TOPICS), k=6)
        (one,) = builds(found)  # of one build, all six
        assert len(found.passages) == 6
        assert {f"build {one}" in text for text in found.texts.values()} == {True}
        seen.append(int(one))
    _, errors = writer.communicate()
    assert writer.returncode == 0, errors
    assert seen == sorted(seen)  # never back to an older one
    assert builds(index.search("tide", k=6)) == {"8"}
    assert len(set(seen)) > 2, seen  # it did read in between


@pytest.mark.parametrize(
    "operations", [30, pytest.param(100, marks=pytest.mark.slow)], ids=["60 in all", "200 in all"]
)
def test_two_processes_that_build_and_search_never_see_what_is_stale(index: Index, operations: int) -> None:
    index.build(changed(0))
    other = worker("work", str(index.folder), "2", str(operations))
    builds, searches = work(index, 1, operations)
    told, errors = other.communicate()
    assert other.returncode == 0, errors
    assert builds > 2 and searches > 2 and min(map(int, told.split())) > 2
    assert len(collections(index)) == len(list((index.folder / "builds").iterdir())) == 1
    manifest = index.manifest()
    assert manifest and 0 < manifest.kept < 48  # what did not change was taken over


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_kill_while_indexing_leaves_an_index_that_is_whole(index: Index, kills: int) -> None:
    rng = random.Random(kills)
    for _ in range(kills):
        with worker("build", str(index.folder)) as process:
            assert process.stdout and process.stdout.readline()  # the build after a kill works
            time.sleep(rng.uniform(0, 1))
            process.kill()
        SharedSystemClient.clear_system_cache()  # open it as a new process would
        whole = Index(index.folder, "local", WordVectors()).snapshot()
        assert len(whole.chunks) == 48 and all(len(whole.texts[c.source]) >= c.end for c in whole.chunks)
        (build,) = {number for c in whole.chunks for number in re.findall(r"build (\d+)", c.text)}
        assert builds(index.search("storm", k=48)) == {build}
        assert builds_in_stages(index) == {build}
    after = index.build(documents(7))
    assert collections(index) == [after.collection] and builds(index.search("storm")) == {"7"}
    assert [folder.name for folder in (index.folder / "builds").iterdir()] == [after.collection]


def builds_in_stages(index: Index) -> set[str]:
    """Which builds the passages are of that a search in all stages finds."""
    found = search(index, "storm", Plan(rerank=True, context=True, distinct=1, k=48, pool=48))
    return {number for p in found.passages for number in re.findall(r"build (\d+)", p.chunk.text)}
