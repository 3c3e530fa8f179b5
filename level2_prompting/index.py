"""The index: passages and their vectors in Chroma, and a pointer that says which build is the one to read.

    index = Index(folder)
    index.build(documents)
    for passage in index.search("What holds back the sea?", k=4).passages:
        print(passage.similarity, passage.chunk.text)

Every build is a new collection, with the old one's vectors for whatever has not changed. Only when it has
passed its self-check is the pointer file switched to it, in one step, and only then is the old collection
removed. So a build that is killed leaves the old index as it was, and a reader in another process, who looks
at the pointer on each question, never gets passages of two builds. (Writing into one collection would not
do: an open Chroma client goes on finding what another process has deleted from it.)
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from filelock import FileLock

from level2_prompting.documents import Document
from level2_prompting.failures import told
from level2_prompting.incremental import BATCH, Encode, fill, reusable
from level2_prompting.leftovers import remove_all_but
from level2_prompting.manifest import Manifest, Snapshot, chunk_of, fingerprint, passages
from level2_prompting.prepared import prepare
from level2_prompting.selfcheck import check
from level2_prompting.split import Chunk, split
from shared.errors import LadderError
from shared.files import write_atomic

if TYPE_CHECKING:
    from chromadb import Collection
    from chromadb.api import ClientAPI
    from chromadb.api.collection_configuration import CreateCollectionConfiguration
    from langchain_chroma import Chroma
    from langchain_core.embeddings import Embeddings

TRIES = 5  # a search is begun anew if the index was replaced under it
# Cosine, said explicitly: Chroma's default is another distance. A dense graph, so that little is missed.
HNSW: CreateCollectionConfiguration = {
    "hnsw": {"space": "cosine", "ef_construction": 400, "ef_search": 400, "max_neighbors": 64}
}

PASSAGES = 0.3  # of a build's work; the rest is what the stages of a search need
KEPT = 3  # snapshots in memory
_opening = Lock()  # two threads that open one folder at once get a client that is not ready
_kept: dict[str, Snapshot] = {}  # by collection, whose name is never used twice
T = TypeVar("T")


@dataclass(frozen=True)
class Passage:
    """A passage that was found, how near it is (the cosine of the angle, at most 1), and its headings."""

    chunk: Chunk
    similarity: float
    heading: str = ""


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        passages: best first.
        texts: the whole documents that they are from, by name.
        pages: where each page begins, for those of the documents that have pages.
    """

    passages: tuple[Passage, ...]
    texts: dict[str, str]
    pages: dict[str, list[int]] = field(default_factory=dict)


class Index:
    """Passages of documents, to be searched by meaning.

    Args:
        folder: where everything is kept.
        provider: `local` or `openai`: who makes the vectors of a build.
        embed: LangChain embeddings to use in place of the provider's.
    """

    def __init__(self, folder: Path, provider: str | None = None, embed: Embeddings | None = None) -> None:
        self.folder, self._provider, self._embed = folder, provider, embed
        self._clients: dict[tuple[str, str], Embeddings] = {}

    # Reading -------------------------------------------------------------------------------------------

    def manifest(self) -> Manifest | None:
        """What the pointer says now; None if nothing was built."""
        try:
            return Manifest(**json.loads((self.folder / "current.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError):
            raise LadderError(
                f"The index in {self.folder} cannot be read.", "Make it again: ladder level2 index PATHS"
            ) from None

    def search(self, question: str, k: int = 4) -> Found:
        """The k passages nearest in meaning to the question, all of one build.

        Raises:
            LadderError: there is no index, or the service that makes vectors failed.
        """
        return self._of_one_build(lambda manifest: self._search(manifest, question, k))

    def snapshot(self) -> Snapshot:
        """Everything that the build holds which the pointer names. It is read once and then kept in memory.

        Raises:
            LadderError: there is no index.
        """
        return self._of_one_build(self._snapshot)

    def extra(self, manifest: Manifest) -> Path:
        """The folder of a build for what is kept beside Chroma. It is removed with the build."""
        return self.folder / "builds" / manifest.collection

    def _of_one_build(self, attempt: Callable[[Manifest], T | None]) -> T:
        """What an attempt gives for a build that the pointer names before and after it."""
        for _ in range(TRIES):
            manifest = self.manifest()
            if manifest is None:
                raise LadderError("There is no index yet.", "Make one: ladder level2 index PATHS")
            got = attempt(manifest)
            if got is not None and self.manifest() == manifest:
                return got
        raise LadderError(
            f"The index in {self.folder} was replaced {TRIES} times during one search, or it is damaged.",
            "Try again, or make it again: ladder level2 index PATHS",
        )

    def _search(self, manifest: Manifest, question: str, k: int) -> Found | None:
        """One attempt; None if the build is gone."""
        from chromadb.errors import ChromaError

        try:
            store = self._store(manifest)
            with told(manifest.provider, manifest.model):
                rows = store.similarity_search_with_score(question, k=min(k, manifest.chunks))
            if len(rows) < min(k, manifest.chunks):
                return None
            found = tuple(
                Passage(chunk_of(row.id or "", row.page_content, row.metadata), 1 - distance)
                for row, distance in rows
            )
            texts = {p.chunk.source: self._text(manifest.documents[p.chunk.source]) for p in found}
        except (ChromaError, FileNotFoundError, KeyError, TypeError):
            return None
        return Found(found, texts, {name: at for name, at in manifest.pages.items() if name in texts})

    def _snapshot(self, manifest: Manifest) -> Snapshot | None:
        """One attempt; None if the build is gone."""
        from chromadb.errors import ChromaError

        if kept := _kept.get(manifest.collection):
            return kept
        try:
            chunks, vectors = passages(self._collection(manifest.collection))
            texts = {name: self._text(digest) for name, digest in manifest.documents.items()}
        except (ChromaError, FileNotFoundError, KeyError, TypeError):
            return None
        if len(chunks) != manifest.chunks:
            return None
        while len(_kept) >= KEPT:
            _kept.pop(next(iter(_kept)), None)
        return _kept.setdefault(manifest.collection, Snapshot(manifest, chunks, vectors, texts))

    def _text(self, digest: str) -> str:
        return (self.folder / "texts" / f"{digest}.txt").read_bytes().decode("utf-8")

    # Building ------------------------------------------------------------------------------------------

    def build(
        self,
        documents: Sequence[Document],
        on_progress: Callable[[float], None] = lambda share: None,
        like: Index | None = None,
    ) -> Manifest:
        """Index these documents, in place of what was indexed before. Only what is new is embedded.

        Args:
            like: another index that holds many of the same passages: they keep its vectors.

        Raises:
            LadderError: the documents hold no passage, the service that makes vectors failed, or the build
                failed its self-check. The index is then as it was.
        """
        chunks = [chunk for document in documents for chunk in split(document.text, document.name)]
        if not chunks:
            raise LadderError("There is nothing to index.", "Name a document with words in it.")
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / "build.lock"):
            try:
                manifest = self._write(documents, chunks, on_progress, like or self)
                write_atomic(self.folder / "current.json", json.dumps(asdict(manifest), indent=1))
            finally:  # the pointer says which build is to stay: the new one, or the old if this failed
                with suppress(LadderError):
                    remove_all_but(self.manifest(), self.folder, self._client())
        return manifest

    def _write(
        self, documents: Sequence[Document], chunks: Sequence[Chunk], on_progress: Callable[[float], None],
        like: Index,
    ) -> Manifest:  # fmt: skip
        """A new build, whole and checked, beside the old one."""
        for document in documents:
            write_atomic(self.folder / "texts" / f"{document.digest}.txt", document.text)
        provider, model = self._maker()
        mark = fingerprint(documents, provider, model)
        name = f"docs-{mark[:12]}-{secrets.token_hex(4)}"
        texts = {document.name: document.digest for document in documents}
        pages = {document.name: list(document.pages) for document in documents if document.pages}
        manifest = Manifest(name, provider, model, texts, len(chunks), mark, pages=pages)
        folder = self.extra(manifest)
        folder.mkdir(parents=True)
        encode = self.encoder(manifest)
        old = like._old(manifest)
        known = reusable(old, chunks, encode) if old else {}
        collection = self._client().create_collection(name, configuration=HNSW, embedding_function=None)
        vectors = fill(collection, chunks, known, encode, lambda share: on_progress(PASSAGES * share))
        beside = like.extra(old.manifest) if old and known else None
        rest = 1 - PASSAGES
        prepare(folder, chunks, encode, beside, lambda share: on_progress(PASSAGES + rest * share))
        check(collection, chunks, vectors, np.random.default_rng(0))
        return replace(manifest, kept=sum(chunk.text in known for chunk in chunks))

    def _old(self, new: Manifest) -> Snapshot | None:
        """What is there now, if the model of the new build made it too."""
        try:
            old = self.manifest()
        except LadderError:  # a damaged index is mended by building it anew
            return None
        same = old and (old.provider, old.model) == (new.provider, new.model)
        return self._snapshot(old) if old and same else None

    # Parts ---------------------------------------------------------------------------------------------

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """The vectors (N, D) of N texts, by the model that made those of the index."""
        provider, model = self._maker()
        manifest = self.manifest() or Manifest("", provider, model, {}, 0, "")
        return self.encoder(manifest)(texts)

    def _maker(self) -> tuple[str, str]:
        """Provider and model of the vectors of a new build."""
        from shared.models import default_embedding_model
        from shared.settings import settings

        provider = self._provider or settings().provider
        return provider, type(self._embed).__name__ if self._embed else default_embedding_model(provider)

    def _embedder(self, manifest: Manifest) -> Embeddings:
        """Who makes the vectors of a build."""
        from shared.clients import embeddings

        maker = manifest.provider, manifest.model
        if self._embed is None and maker not in self._clients:
            self._clients[maker] = embeddings(*maker)
        return self._embed or self._clients[maker]

    def encoder(self, manifest: Manifest) -> Encode:
        """A function from N texts to vectors (N, D), BATCH texts a request."""

        def encode(texts: Sequence[str]) -> np.ndarray:
            embedder, vectors = self._embedder(manifest), []
            with told(manifest.provider, manifest.model):
                for first in range(0, len(texts), BATCH):
                    vectors += embedder.embed_documents(list(texts[first : first + BATCH]))
            return np.asarray(vectors, np.float32)

        return encode

    def _client(self) -> ClientAPI:
        import chromadb

        with _opening:
            return chromadb.PersistentClient(str(self.folder / "chroma"))

    def _collection(self, name: str) -> Collection:
        return self._client().get_collection(name, embedding_function=None)

    def _store(self, manifest: Manifest) -> Chroma:
        """The collection of a build as LangChain's vector store."""
        from langchain_chroma import Chroma

        return Chroma(
            manifest.collection,
            embedding_function=self._embedder(manifest),
            client=self._client(),
            collection_configuration=HNSW,
            create_collection_if_not_exists=False,
        )
