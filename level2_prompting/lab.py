"""The prompt lab: versions of a prompt, each on the same items, so that they can be compared.

    found = run([read("extract", "v1"), read("extract", "v2")], items("extract"), engine("openai"))
    for outcome in found.outcomes:
        print(outcome.variant, outcome.item.id, outcome.scores)

Items are sent a few at a time, all versions of one item before the next: what is stopped half-way is still a
fair comparison, and an engine that slows down slows all versions alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from level2_prompting.failures import told
from level2_prompting.lab_items import Item, check_fit
from level2_prompting.prompt_files import Prompt, read, versions
from level2_prompting.prompt_registry import ALIAS, production
from level2_prompting.scorers import scores
from shared.at_once import a_few_at_once
from shared.clients import endpoint
from shared.errors import BadUsage, LadderError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

AT_ONCE = 4


@dataclass(frozen=True)
class Engine:
    """Who answers: a chat model of LangChain's, its provider, and its name there."""

    chat: BaseChatModel
    provider: str
    model: str


@dataclass(frozen=True)
class Outcome:
    """What came of one item with one version of the prompt.

    Attributes:
        variant: the version.
        answer: the model's own words, which may be none at all.
        error: why there is no answer; empty if there is one.
        scores: by scorer; empty if there is no answer.
        engine: who says to have answered.
        usage: tokens in and out, where the engine counts them.
        seconds: from sending to the whole answer, the client's retries included.
    """

    item: Item
    variant: str
    answer: str = ""
    error: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    engine: str = ""
    usage: dict[str, int] | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Lab:
    """All that was sent and what came back.

    Attributes:
        outcomes: in the order of the items, and for each item of the prompts; fewer where it was stopped.
        stopped: whether Ctrl-C ended it.
    """

    prompts: tuple[Prompt, ...]
    items: tuple[Item, ...]
    outcomes: tuple[Outcome, ...]
    model: str
    endpoint: str
    wall_s: float
    stopped: bool

    @property
    def name(self) -> str:
        return self.prompts[0].name

    @property
    def planned(self) -> int:
        """How many answers there would be in all."""
        return len(self.prompts) * len(self.items)

    def of(self, variant: str) -> list[Outcome]:
        """What came of one version."""
        return [outcome for outcome in self.outcomes if outcome.variant == variant]


def engine(provider: str | None = None, model: str = "", temperature: float | None = None) -> Engine:
    """The engine to try prompts with.

    Args:
        provider: `local`, `openai`, or None for the setting LADDER_PROVIDER.
        model: empty for the setting LADDER_CHAT_MODEL, or the provider's default.
        temperature: None for the engine's own.

    Raises:
        BadUsage: the engine would be the reader, which follows no instructions.
        LadderError: as `shared.clients.chat_model`.
    """
    from shared.clients import chat_model
    from shared.models import LOCAL_ALIASES, default_chat_model
    from shared.settings import settings

    provider = provider or settings().provider
    name = model or default_chat_model(provider)
    if provider == "local" and LOCAL_ALIASES.get(name, name) == "reader":
        raise BadUsage(
            "The reader follows no instructions: with every prompt it would answer the same.",
            "Name an engine that follows them. A small one: ladder models pull qwen2.5-0.5b-instruct, then "
            "LADDER_CHAT_MODEL=qwen2.5-0.5b-instruct; any OpenAI-compatible server: LADDER_PROVIDER=openai "
            "OPENAI_BASE_URL=http://127.0.0.1:11434/v1 OPENAI_API_KEY=any LADDER_CHAT_MODEL=its-model; "
            "or an instruct model's folder: LADDER_CHAT_FOLDERS=path/to/NAME LADDER_CHAT_MODEL=NAME",
        )
    # A header of the local service tells which engine answered.
    update: dict[str, Any] = {"include_response_headers": True, "temperature": temperature}
    return Engine(chat_model(provider, name).model_copy(update=update), provider, name)


def chosen(name: str, variants: str = "", say: Callable[[str], None] = lambda sentence: None) -> list[Prompt]:
    """The versions to compare.

    Args:
        variants: such as `v1,v2`, or `production,v2`; empty for all files.
        say: told if the version in production is not to be had.

    Raises:
        BadUsage: there is no such prompt or version, or one is named twice.
    """
    wanted = [one.strip() for one in variants.split(",")] if variants else versions(name)
    if len(set(wanted)) < len(wanted):
        raise BadUsage(f"{variants!r} names a version twice.", "Name each once, such as: --variants v1,v2")
    found = [production(name, say) if one == ALIAS else read(name, one) for one in wanted]
    return list({prompt.version: prompt for prompt in found}.values())  # without a store production is a file


def run(
    prompts: Sequence[Prompt],
    items: Sequence[Item],
    engine: Engine,
    *,
    at_once: int = AT_ONCE,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Lab:
    """Send every item with every prompt, and score what comes back.

    An item that fails is kept with its reason. Ctrl-C ends it with what is there by then.

    Args:
        prompts: versions of one prompt.
        at_once: how many requests are under way at a time.

    Raises:
        LadderError: a prompt and the items do not fit, or the engine refuses everything: no such model, a
            wrong key, nobody there.
    """
    check_fit(prompts, items)
    began = time.monotonic()
    jobs = [(item, prompt) for item in items for prompt in prompts]
    done: dict[tuple[str, str], Outcome] = {}
    stopped = False
    try:
        for outcome, hopeless in a_few_at_once(jobs, lambda job: _answer(*job, engine), at_once):
            if hopeless and all(earlier.error for earlier in done.values()):
                raise hopeless
            done[outcome.item.id, outcome.variant] = outcome
            on_progress(len(done) / len(jobs))
    except KeyboardInterrupt:
        stopped = True
    ordered = [done[item.id, prompt.version] for item, prompt in jobs if (item.id, prompt.version) in done]
    return Lab(
        tuple(prompts), tuple(items), tuple(ordered), engine.model, endpoint(engine.provider),
        time.monotonic() - began, stopped,
    )  # fmt: skip


def _answer(item: Item, prompt: Prompt, engine: Engine) -> tuple[Outcome, LadderError | None]:
    """What came of one item, and the error if it would be the same for every other."""
    sent = prompt.template().invoke(item.inputs)
    began = time.monotonic()
    try:
        with told(engine.provider, engine.model):
            message: Any = engine.chat.invoke(sent)
    except LadderError as error:
        failed = Outcome(item, prompt.version, error=error.message, seconds=time.monotonic() - began)
        return failed, error if _hopeless(error) else None
    except Exception as error:  # a server that breaks its own contract fails its item, not the lab
        reason = f"{type(error).__name__}: {error}"
        return Outcome(item, prompt.version, error=reason, seconds=time.monotonic() - began), None
    answer, about = message.text, message.response_metadata
    name = about.get("headers", {}).get("x-ladder-engine") or about.get("model_name") or engine.model
    return Outcome(
        item, prompt.version, answer, "", scores(answer, item), name, _usage(message),
        time.monotonic() - began,
    ), None  # fmt: skip


def _hopeless(error: LadderError) -> bool:
    """Whether the reason lies with the engine or the key, and not with what was asked."""
    import openai

    match error.__cause__:
        case openai.APITimeoutError():
            return False
        case openai.APIConnectionError() | openai.AuthenticationError() | openai.PermissionDeniedError():
            return True
        case openai.NotFoundError() | openai.RateLimitError(code="insufficient_quota"):
            return True
    return False


def _usage(message: Any) -> dict[str, int] | None:
    used = message.usage_metadata
    return {key: used[key] for key in ("input_tokens", "output_tokens")} if used else None
