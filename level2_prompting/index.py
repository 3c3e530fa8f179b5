"""The index: passages and their vectors in Chroma, and a pointer that says which build is the one to read.

    index = Index(folder)
    index.build(documents)
    for passage in index.search("What holds back the sea?", k=4).passages:
        print(passage.similarity, passage.chunk.text)

Every build is a new collection. Only when it is whole is the pointer file switched to it, in one step, and
only then is the old collection removed. So a build that is killed leaves the old index as it was, and a
reader in another process, who looks at the pointer on each question, never gets passages of two builds.
(Writing into one collection would not do: an open Chroma client goes on finding what another process has
deleted from it.)
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from filelock import FileLock

from level2_prompting.documents import Document
from level2_prompting.failures import told
from level2_prompting.manifest import Manifest, Snapshot, chunk_of, fingerprint, passages
from level2_prompting.split import Chunk, split
from shared.errors import LadderError
from shared.files import write_atomic

if TYPE_CHECKING:
    from chromadb import Collection
    from chromadb.api import ClientAPI
    from chromadb.api.collection_configuration import CreateCollectionConfiguration
    from langchain_chroma import Chroma
    from langchain_core.embeddings import Embeddings

BATCH = 64  # passages that are embedded in one request
TRIES = 5  # a search is begun anew if the index was replaced under it
# Cosine, said explicitly: Chroma's default is another distance. A dense graph, so that little is missed.
HNSW: CreateCollectionConfiguration = {
    "hnsw": {"space": "cosine", "ef_construction": 400, "ef_search": 400, "max_neighbors": 64}
}

KEPT = 3  # snapshots in memory
_kept: dict[str, Snapshot] = {}  # by collection, whose name is never used twice
T = TypeVar("T")


@dataclass(frozen=True)
class Passage:
    """A passage that was found, and how near it is: the cosine of the angle, at most 1."""

    chunk: Chunk
    similarity: float


@dataclass(frozen=True)
class Found:
    """What a search found: passages, best first, and the whole texts that they are from, by name."""

    passages: tuple[Passage, ...]
    texts: dict[str, str]


class Index:
    """Passages of documents, to be searched by meaning.

    Args:
        folder: where everything is kept.
        provider: `local` or `openai`: who makes the vectors of a build.
        embed: LangChain embeddings to use in place of the provider's.
    """

    def __init__(self, folder: Path, provider: str | None = None, embed: Embeddings | None = None) -> None:
        self.folder, self._provider, self._embed = folder, provider, embed

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
        return Found(found, texts)

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
        self, documents: Sequence[Document], on_progress: Callable[[float], None] = lambda share: None
    ) -> Manifest:
        """Index these documents, in place of what was indexed before.

        Raises:
            LadderError: the documents hold no passage, or the service that makes vectors failed. The index
                is then as it was.
        """
        chunks = [chunk for document in documents for chunk in split(document.text, document.name)]
        if not chunks:
            raise LadderError("There is nothing to index.", "Name a Markdown or text file with words in it.")
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / "build.lock"):
            manifest = self._write(documents, chunks, on_progress)
            write_atomic(self.folder / "current.json", json.dumps(asdict(manifest), indent=1))
            self._remove_all_but(manifest)
        return manifest

    def _write(
        self, documents: Sequence[Document], chunks: Sequence[Chunk], on_progress: Callable[[float], None]
    ) -> Manifest:
        for document in documents:
            write_atomic(self.folder / "texts" / f"{document.digest}.txt", document.text)
        provider, model = self._maker()
        mark = fingerprint(documents, provider, model)
        name = f"docs-{mark[:12]}-{secrets.token_hex(4)}"
        kept = {document.name: document.digest for document in documents}
        manifest = Manifest(name, provider, model, kept, len(chunks), mark)
        collection = self._client().create_collection(name, configuration=HNSW, embedding_function=None)
        encode = self._encoder(manifest)
        self.extra(manifest).mkdir(parents=True)
        for first in range(0, len(chunks), BATCH):
            batch = chunks[first : first + BATCH]
            collection.upsert(
                [c.id for c in batch],
                encode([c.text for c in batch]),
                [{"source": c.source, "start": c.start, "end": c.end} for c in batch],
                [c.text for c in batch],
            )
            on_progress(min(first + BATCH, len(chunks)) / len(chunks))
        written = collection.count()
        if written != len(chunks):
            raise LadderError(
                f"The new index holds {written} of {len(chunks)} passages; the old one stays.", "Try again."
            )
        return manifest

    def _remove_all_but(self, manifest: Manifest) -> None:
        """Old builds, and what builds left behind that were killed."""
        for collection in self._client().list_collections():
            if collection.name != manifest.collection:
                self._client().delete_collection(collection.name)
        for file in (self.folder / "texts").glob("*.txt"):
            if file.stem not in manifest.documents.values():
                file.unlink(missing_ok=True)
        for folder in (self.folder / "builds").glob("*"):
            if folder.name != manifest.collection:
                shutil.rmtree(folder, ignore_errors=True)

    # Parts ---------------------------------------------------------------------------------------------

    def _maker(self) -> tuple[str, str]:
        """Provider and model of the vectors of a new build."""
        from shared.models import default_embedding_model
        from shared.settings import settings

        provider = self._provider or settings().provider
        return provider, "" if self._embed else default_embedding_model(provider)

    def _client(self) -> ClientAPI:
        import chromadb

        return chromadb.PersistentClient(str(self.folder / "chroma"))

    def _collection(self, name: str) -> Collection:
        return self._client().get_collection(name, embedding_function=None)

    def _embedder(self, manifest: Manifest) -> Embeddings:
        """Who makes the vectors of a build."""
        if self._embed is None:
            from shared.clients import embeddings

            self._embed = embeddings(manifest.provider, manifest.model)
        return self._embed

    def _encoder(self, manifest: Manifest) -> Callable[[Sequence[str]], np.ndarray]:
        """A function from N texts to vectors (N, D), BATCH texts a request."""
        embedder = self._embedder(manifest)

        def encode(texts: Sequence[str]) -> np.ndarray:
            parts = []
            with told(manifest.provider, manifest.model):
                for first in range(0, len(texts), BATCH):
                    parts += embedder.embed_documents(list(texts[first : first + BATCH]))
            return np.asarray(parts, np.float32)

        return encode

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
