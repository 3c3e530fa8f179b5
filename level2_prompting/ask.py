"""A question, the passages it needs, an answer that streams, and the proof of every claim in it.

    answer = ask("Does doubling a vector change its score?", index)
    for claim in answer.claims:
        print(claim.text, claim.source, claim.start, claim.end)

LangChain carries it: a vector store that finds, a prompt template, a chat model, joined by `|`. What is
shown as an answer is only what could be proven; the rest is kept apart and counted.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from level2_prompting.failures import told
from level2_prompting.index import Found, Index, Passage
from level2_prompting.prove import locate
from shared.clients import endpoint
from shared.errors import BadUsage, LadderError
from shared.grounding import ABSTAIN, Cited, abstains, claims_in, sources_block
from shared.tracking import Span

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.prompts import ChatPromptTemplate

PROMPT = Path(__file__).parent / "prompts" / "answer.md"
K = 4  # passages in the prompt
LONGEST_QUESTION = 2000  # characters


@dataclass(frozen=True)
class Claim:
    """One claim and its proof: `quote` is exactly `text_of_source[start:end]`.

    `passage` is what the prompt calls the passage that holds it, such as S1.
    """

    text: str
    passage: str
    source: str
    quote: str
    start: int
    end: int


@dataclass(frozen=True)
class Dropped:
    """A claim that is not part of the answer, and why not."""

    text: str
    quote: str
    reason: str


@dataclass(frozen=True)
class Answer:
    """What came of a question.

    Attributes:
        text: the proven claims, or one sentence that says there is no answer.
        abstained: whether there is no answer: none was found, or nothing in it could be proven.
        raw: the model's own words.
        passages: what was found, best first; the prompt calls them S1, S2, …
        texts: the whole documents that the passages are from, by name.
        prompt: what the model was sent.
        engine: who answered; endpoint: where it runs.
        usage: tokens in and out, where the engine counts them.
    """

    question: str
    text: str
    abstained: bool
    claims: tuple[Claim, ...]
    dropped: tuple[Dropped, ...]
    raw: str
    passages: tuple[Passage, ...]
    texts: dict[str, str]
    prompt: str
    engine: str
    endpoint: str
    usage: dict[str, int] | None
    wall_s: float
    spans: tuple[Span, ...] = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "answer": self.text, "abstained": self.abstained,
            "claims": [asdict(claim) for claim in self.claims], "dropped": len(self.dropped),
            "engine": self.engine, "endpoint": self.endpoint, "usage": self.usage,
            "wall_s": round(self.wall_s, 3),
        }  # fmt: skip


def ask(
    question: str,
    index: Index,
    *,
    k: int = K,
    provider: str | None = None,
    on_delta: Callable[[str], None] = lambda text: None,
    model: BaseChatModel | None = None,
) -> Answer:
    """Answer a question from an index.

    Args:
        k: how many passages the model gets to read.
        provider: `local`, `openai`, or None for the setting LADDER_PROVIDER: who answers.
        on_delta: gets the model's own words while they come, before anything is proven.
        model: a LangChain chat model to use in place of the provider's.

    Raises:
        BadUsage: the question is empty or too long.
        LadderError: there is no index, or a model cannot be reached.
    """
    question = _one_line(question)
    chat, provider, name = _chat(model, provider)
    _stays_where_it_should(index, provider)
    began = time.monotonic()
    spans: list[Span] = []
    with _stage(spans, "retrieve", "RETRIEVER", question) as out:
        found = index.search(question, k)
        out.append([{"page_content": p.chunk.text, "metadata": _about(p)} for p in found.passages])

    filled = {"sources": _sources(found), "question": question}
    sent = prompt_template().invoke(filled).to_string()
    chain = prompt_template() | chat
    with _stage(spans, "generate", "CHAT_MODEL", sent) as out, told(provider, name):
        message: Any = None  # chunks add up to the whole message
        for chunk in chain.stream(filled):
            message = chunk if message is None else message + chunk
            on_delta(chunk.text)
        raw = message.text if message else ""
        out.append(raw)

    with _stage(spans, "prove", "PARSER", raw) as out:
        claims, dropped = proof(raw, found.passages)
        out.append({"claims": [asdict(c) for c in claims], "dropped": [asdict(d) for d in dropped]})
    return Answer(
        question, "\n".join(c.text for c in claims) or _no_answer(raw), not claims, claims, dropped, raw,
        found.passages, found.texts, sent, _engine(message, name), endpoint(provider), _usage(message),
        time.monotonic() - began, tuple(spans),
    )  # fmt: skip


def proof(raw: str, passages: tuple[Passage, ...]) -> tuple[tuple[Claim, ...], tuple[Dropped, ...]]:
    """Look every quote of an answer up in the passage it names.

    Returns:
        the claims whose quotes are there, with places in the source document; and all else that was claimed.
    """
    by_id = {f"S{number}": passage.chunk for number, passage in enumerate(passages, 1)}
    claims: list[Claim] = []
    dropped: list[Dropped] = []
    if abstains(raw):
        return (), ()
    for line in filter(str.strip, raw.splitlines()):
        cited = claims_in(line)
        if not cited:
            dropped.append(Dropped(line.strip(), "", "It names no source."))
        for one in cited:
            chunk = by_id.get(one.source)
            place = locate(one.quote, chunk.text) if chunk else None
            if chunk is None:
                dropped.append(Dropped(one.text, one.quote, f"There is no source {one.source}."))
            elif place is None:
                dropped.append(Dropped(one.text, one.quote, f"These words are not in {chunk.source}."))
            else:
                start, end = place
                claims.append(_claim(one, chunk.source, chunk.text[start:end], chunk.start + start))
    return tuple(claims), tuple(dropped)


def _claim(cited: Cited, source: str, quote: str, start: int) -> Claim:
    text = cited.text or cited.quote
    return Claim(" ".join(text.split()), cited.source, source, quote, start, start + len(quote))


@lru_cache
def prompt_template() -> ChatPromptTemplate:
    """The prompt from its file: the rules, a line ---, and what is asked. Needs `sources` and `question`."""
    from langchain_core.prompts import ChatPromptTemplate

    rules, _, asked = PROMPT.read_text(encoding="utf-8").partition("\n---\n")
    template = ChatPromptTemplate.from_messages([("system", rules.strip()), ("human", asked.strip())])
    return template.partial(abstain=ABSTAIN)


def _sources(found: Found) -> str:
    """The passages as they stand in the prompt. No text can close its own tag: the mark is new each time."""
    numbered = ((f"S{number}", p.chunk.text) for number, p in enumerate(found.passages, 1))
    return sources_block(numbered, mark=secrets.token_hex(4))


def _chat(model: BaseChatModel | None, provider: str | None) -> tuple[BaseChatModel, str, str]:
    """Who answers: the model, its provider and its name."""
    from shared.clients import chat_model
    from shared.settings import settings

    provider = provider or settings().provider
    if model is not None:
        return model, provider, type(model).__name__
    chat = chat_model(provider)
    # A header of the local service tells which engine answered.
    return chat.model_copy(update={"include_response_headers": True}), provider, chat.model_name


def _stays_where_it_should(index: Index, provider: str) -> None:
    """An index made elsewhere would send the question there; only the provider may decide that."""
    manifest = index.manifest()
    if manifest and manifest.provider != "local" and provider == "local":
        raise LadderError(
            f"This index was made with {endpoint(manifest.provider)}, and a search in it sends the question "
            "there, but the provider is local.",
            "Use --provider openai, or index again: ladder level2 index PATHS --provider local",
        )


def _one_line(question: str) -> str:
    flat = " ".join(question.split())
    if not flat:
        raise BadUsage("The question is empty.", 'Ask one: ladder level2 ask "What is a token?"')
    if len(flat) > LONGEST_QUESTION:
        raise BadUsage(
            f"The question has {len(flat):,} characters, more than {LONGEST_QUESTION:,}.",
            "Ask it in fewer words; long texts belong into the index.",
        )
    return flat


def _no_answer(raw: str) -> str:
    if abstains(raw) or not raw.strip():
        return ABSTAIN
    return "The model answered, but nothing it said could be proven from the sources."


def _engine(message: Any, name: str) -> str:
    about = message.response_metadata if message else {}
    return about.get("headers", {}).get("x-ladder-engine") or about.get("model_name") or name


def _usage(message: Any) -> dict[str, int] | None:
    used = getattr(message, "usage_metadata", None)
    return {key: used[key] for key in ("input_tokens", "output_tokens", "total_tokens")} if used else None


def _about(passage: Passage) -> dict[str, Any]:
    chunk = passage.chunk
    near = round(passage.similarity, 4)
    return {"doc_uri": chunk.source, "start": chunk.start, "end": chunk.end, "similarity": near}


@contextmanager
def _stage(spans: list[Span], name: str, kind: str, given: Any) -> Iterator[list[Any]]:
    """Adds the block as a span; what it appends to the list it gets is the span's output."""
    out: list[Any] = []
    start = time.time_ns()
    yield out
    spans.append(Span(name, start, time.time_ns(), kind=kind, inputs=given, outputs=out[0] if out else None))
