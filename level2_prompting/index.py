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

import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from level2_prompting.documents import Document
from level2_prompting.failures import told
from level2_prompting.split import CHUNK_CHARS, Chunk, split
from shared.errors import LadderError
from shared.files import write_atomic

if TYPE_CHECKING:
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


@dataclass(frozen=True)
class Manifest:
    """What an index holds, and how it was made. The pointer file is this, as JSON.

    Attributes:
        collection: the Chroma collection of this build.
        provider, model: who made the vectors; questions go to the same.
        documents: each document's name, with the digest under which its text is kept.
        fingerprint: a hash of all that decides what the index holds.
    """

    collection: str
    provider: str
    model: str
    documents: dict[str, str]
    chunks: int
    fingerprint: str


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
        for _ in range(TRIES):
            manifest = self.manifest()
            if manifest is None:
                raise LadderError("There is no index yet.", "Make one: ladder level2 index PATHS")
            found = self._search(manifest, question, k)
            if found and self.manifest() == manifest:
                return found
        raise LadderError(
            f"The index in {self.folder} was replaced {TRIES} times during one search, or it is damaged.",
            "Try again, or make it again: ladder level2 index PATHS",
        )

    def _search(self, manifest: Manifest, question: str, k: int) -> Found | None:
        """One attempt; None if the build is gone."""
        from chromadb.errors import ChromaError

        try:
            store = self._store(manifest, create=False)
            with told(manifest.provider, manifest.model):
                rows = store.similarity_search_with_score(question, k=min(k, manifest.chunks))
            if len(rows) < min(k, manifest.chunks):
                return None
            passages = tuple(
                Passage(_chunk(row.id or "", row.page_content, row.metadata), 1 - distance)
                for row, distance in rows
            )
            texts = {p.chunk.source: self._text(manifest.documents[p.chunk.source]) for p in passages}
        except (ChromaError, FileNotFoundError, KeyError, TypeError):
            return None
        return Found(passages, texts)

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
        store = self._store(manifest, create=True)
        with told(provider, model):
            for first in range(0, len(chunks), BATCH):
                batch = chunks[first : first + BATCH]
                places = [{"source": c.source, "start": c.start, "end": c.end} for c in batch]
                store.add_texts([c.text for c in batch], places, [c.id for c in batch])  # it upserts
                on_progress(min(first + BATCH, len(chunks)) / len(chunks))
        written = self._client().get_collection(name, embedding_function=None).count()
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

    def _store(self, manifest: Manifest, create: bool) -> Chroma:
        """The collection of a build as LangChain's vector store."""
        from langchain_chroma import Chroma

        if self._embed is None:
            from shared.clients import embeddings

            self._embed = embeddings(manifest.provider, manifest.model)
        return Chroma(
            manifest.collection,
            embedding_function=self._embed,
            client=self._client(),
            collection_configuration=HNSW,
            create_collection_if_not_exists=create,
        )


def fingerprint(documents: Sequence[Document], provider: str, model: str) -> str:
    """A hash of all that decides what an index holds: equal ones need not be built again."""
    parts = sorted((document.name, document.digest) for document in documents)
    return hashlib.sha256(repr((parts, provider, model, CHUNK_CHARS)).encode()).hexdigest()


def _chunk(name: str, text: str, place: dict[str, str | int]) -> Chunk:
    return Chunk(name, str(place["source"]), text, int(place["start"]), int(place["end"]))
