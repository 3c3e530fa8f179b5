"""Prompts mirrored into MLflow's registry: what was sent when, and which version is in production.

    promote("extract", "v2")              # the alias `production` points at what v2.md says now
    production("extract").system          # and stays there when the file is edited

The files are where prompts are written. The registry keeps every text that was ever compared, links it to its
runs, and holds the alias: code that asks for the version in production changes with it, without a release.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from level2_prompting.prompt_files import Prompt, parts, read, versions
from shared import store
from shared.errors import LadderError
from shared.files import home_folder

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import PromptVersion

ALIAS = "production"
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def registered(name: str) -> str:
    """What a prompt is called in the registry, which other projects may share."""
    return f"level2-{name}"


def mirror(prompt: Prompt) -> PromptVersion:
    """The prompt's entry in the registry. The same text is registered once.

    Raises:
        LadderError: the store cannot be reached, or MLflow would read other variables out of the prompt.
    """
    for text in (prompt.system, prompt.asked):
        if {name for _, name in parts(text) if name} != set(_VARIABLE.findall(to_registry(text))):
            raise LadderError(
                f"{prompt.name} {prompt.version} has a name between two literal braces, "
                "which MLflow takes for a variable.",
                "Put something else between the braces.",
            )
    client = store.prepare_store()
    with store.told_plainly(), FileLock(home_folder() / "prompts.lock"):
        messages = [
            {"role": "system", "content": to_registry(prompt.system)},
            {"role": "user", "content": to_registry(prompt.asked)},
        ]
        for known in _known(client, registered(prompt.name)):
            if known.template == messages:
                return known
        return client.register_prompt(
            registered(prompt.name), messages, commit_message=prompt.version, tags={"file": prompt.version}
        )


def promote(name: str, version: str) -> PromptVersion:
    """Put a version into production: what its file says now, whatever becomes of the file.

    Raises:
        BadUsage: there is no such prompt or version.
        LadderError: the store cannot be reached.
    """
    found = mirror(read(name, version))
    with store.told_plainly():
        store.prepare_store().set_prompt_alias(found.name, ALIAS, found.version)
    return found


def production(name: str, say: Callable[[str], None] = lambda sentence: None) -> Prompt:
    """The version in production; if the store is away, the newest file, and `say` is told.

    Raises:
        BadUsage: there is no such prompt.
        LadderError: no version of it was promoted.
    """
    newest = versions(name)[-1]
    try:
        client = store.prepare_store()
        with store.told_plainly():
            found = next((v for v in _known(client, registered(name)) if ALIAS in v.aliases), None)
    except LadderError as error:
        say(f"{error.message} In place of the version in production: {newest} from the files.")
        return read(name, newest)
    if found is None:
        raise LadderError(
            f"No version of {name} is in production.",
            f"Choose one: ladder level2 lab --promote {name} {newest}",
        )
    messages: Any = found.template
    system, asked = (from_registry(message["content"]) for message in messages)
    return Prompt(name, ALIAS, system, asked)


def link(entry: PromptVersion, run_id: str) -> None:
    """Let the MLflow UI show at a run which prompt it used, and at the prompt which runs did."""
    with store.told_plainly():
        store.prepare_store().link_prompt_version_to_run(run_id, entry)


def to_registry(text: str) -> str:
    """MLflow's spelling: variables in double braces, all other braces as they are."""
    return "".join(literal + ("{{" + name + "}}" if name else "") for literal, name in parts(text))


def from_registry(text: str) -> str:
    """Our spelling again: variables in single braces, all other braces doubled."""
    pieces = _VARIABLE.split(text)  # literal, name, literal, name, …, literal
    literals = [piece.replace("{", "{{").replace("}", "}}") for piece in pieces[::2]]
    names = [f"{{{name}}}" for name in pieces[1::2]]
    return "".join(a + b for a, b in zip(literals, [*names, ""], strict=True))


def _known(client: MlflowClient, name: str) -> list[PromptVersion]:
    """All versions of a registered prompt; none if it was never registered."""
    found = client.search_prompts(filter_string=f"name = '{name}'")
    if not found:
        return []
    known: list[PromptVersion] = []
    token = None
    while True:
        page = client.search_prompt_versions(name, page_token=token)
        known += page
        token = page.token
        if not token:
            return [client.get_prompt_version(name, one.version) for one in known]
