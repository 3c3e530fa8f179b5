"""What the pointer does not name is removed: old builds, and what failed or killed builds left behind."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from level2_prompting.manifest import Manifest

if TYPE_CHECKING:
    from chromadb.api import ClientAPI


def remove_all_but(manifest: Manifest | None, folder: Path, client: ClientAPI) -> None:
    """Leave one build, or none, in the folder of an index. Call it while no build is under way.

    Args:
        client: Chroma's, for the folder `chroma` in it.
    """
    stays = manifest.collection if manifest else ""
    for collection in client.list_collections():
        if collection.name != stays:
            client.delete_collection(collection.name)
    for build in (folder / "builds").glob("*"):
        if build.name != stays:
            shutil.rmtree(build, ignore_errors=True)
    for text in (folder / "texts").glob("*.txt"):
        if manifest is None or text.stem not in manifest.documents.values():
            text.unlink(missing_ok=True)
    _remove_graphs(folder / "chroma")


def _remove_graphs(folder: Path) -> None:
    """Chroma 1.5 leaves the graph of a collection that it deletes: a folder with the name of a segment."""
    file = (folder / "chroma.sqlite3").absolute()
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as base:
        used = {name for (name,) in base.execute("SELECT id FROM segments")}
    for graph in folder.iterdir():
        if graph.is_dir() and graph.name not in used:
            shutil.rmtree(graph, ignore_errors=True)
