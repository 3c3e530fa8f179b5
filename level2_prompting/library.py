"""Which index is asked: one's own documents if there are any, else the ten articles of this level.

What comes with this level is indexed when it is first asked for, and again when it has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from level2_prompting import frozen as frozen_corpus
from level2_prompting.corpus import articles
from level2_prompting.documents import Document
from level2_prompting.incremental import BATCH
from level2_prompting.index import Index
from level2_prompting.manifest import fingerprint
from shared.files import home_folder


def own(provider: str | None = None) -> Index:
    """The index that `ladder level2 index PATHS` makes."""
    return Index(home_folder() / "level2" / "documents", provider)


def bundled(
    say: Callable[[str], None] = lambda sentence: None,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Index:
    """The index of the ten articles."""
    return made("articles", bundled_documents(), say, on_progress)


def frozen(
    say: Callable[[str], None] = lambda sentence: None,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Index:
    """The index of the frozen corpus: 84 articles on AI engineering, to measure with."""
    return made("frozen", frozen_documents(), say, on_progress)


def made(
    name: str,
    documents: Sequence[Document],
    say: Callable[[str], None] = lambda sentence: None,
    on_progress: Callable[[float], None] = lambda share: None,
    like: Index | None = None,
) -> Index:
    """The index of these documents, made with the local encoder unless it is there already.

    Args:
        name: of its folder in the home.
        say: is told if it has to be made.
        on_progress: gets the share that is done, if it has to be made.
        like: an index that holds many of the same passages.
    """
    from shared.models import default_embedding_model

    index = Index(home_folder() / "level2" / name, provider="local")
    wanted = fingerprint(documents, "local", default_embedding_model("local"))
    manifest = index.manifest()
    if manifest is None or manifest.fingerprint != wanted:
        say(f"Making the index of {len(documents)} documents that come with this level …")
        index.build(documents, on_progress, like)
    return index


def bundled_documents() -> list[Document]:
    """The ten articles as documents."""
    return [Document(article.name, article.text) for article in articles()]


def frozen_documents() -> list[Document]:
    """The articles of the frozen corpus as documents."""
    return [Document(article.name, article.text) for article in frozen_corpus.articles()]


def current(say: Callable[[str], None] = lambda sentence: None) -> Index:
    """One's own index if it was made, else that of the articles."""
    index = own()
    return index if index.manifest() else bundled(say)


def encode(provider: str = "local") -> Callable[[Sequence[str]], np.ndarray]:
    """The embedding endpoint of a provider as a function from N texts to vectors (N, D)."""
    from shared.clients import embeddings

    client = embeddings(provider)

    def vectors(texts: Sequence[str]) -> np.ndarray:
        return np.asarray(client.embed_documents(list(texts), chunk_size=BATCH))

    return vectors
