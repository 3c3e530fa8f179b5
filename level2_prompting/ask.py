"""A question, the passages it needs, an answer that streams, and the proof of every claim in it.

    answer = ask("Does doubling a vector change its score?", index)
    for claim in answer.claims:
        print(claim.text, claim.source, claim.start, claim.end)

LangChain carries it: a prompt template and a chat model, joined by `|`. What is shown as an answer is only
what could be proven; the rest is kept apart and counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from level2_prompting.citations import Citation, Citations, Event, Text
from level2_prompting.claims import Claim, Dropped, judge, numbered
from level2_prompting.engine import engine, made_by, usage
from level2_prompting.failures import told
from level2_prompting.hygiene import clean, fresh_mark
from level2_prompting.index import Index, Passage
from level2_prompting.leaks import Leak
from level2_prompting.plan import CHOSEN, Plan, Staged
from level2_prompting.split import Chunk
from level2_prompting.stages import one_line, search
from shared.clients import endpoint
from shared.grounding import ABSTAIN, Source, sources_block
from shared.tracking import Span

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.prompts import ChatPromptTemplate

PROMPTS = Path(__file__).parent / "prompts"
LONGEST_HEADING = 300  # characters of the headings above a passage: a document decides how long they are


@dataclass(frozen=True)
class Answer:
    """What came of a question.

    Attributes:
        text: the proven claims, or one sentence that says there is no answer.
        abstained: whether there is no answer: none was found, none could be proven, or it is withheld.
        withheld: what the model's words held that no passage they cite holds; nothing of them is then shown.
        raw: the model's own words.
        passages: what was found, best first; the prompt calls them S1, S2, …
        texts: the whole documents that the passages are from, by name.
        found: the search, stage by stage; None where the model searched by itself (see tools.py).
        prompt: what the model was sent.
        engine: who answered; endpoint: where it runs.
        usage: tokens in and out, where the engine counts them.
    """

    question: str
    text: str
    abstained: bool
    claims: tuple[Claim, ...]
    dropped: tuple[Dropped, ...]
    withheld: tuple[Leak, ...]
    raw: str
    passages: tuple[Passage, ...]
    texts: dict[str, str]
    found: Staged | None
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
            "withheld": [asdict(leak) for leak in self.withheld],
            "engine": self.engine, "endpoint": self.endpoint, "usage": self.usage,
            "wall_s": round(self.wall_s, 3),
        }  # fmt: skip


def ask(
    question: str,
    index: Index,
    *,
    plan: Plan = CHOSEN,
    provider: str | None = None,
    on_delta: Callable[[str], None] = lambda text: None,
    model: BaseChatModel | None = None,
) -> Answer:
    """Answer a question from an index.

    Args:
        plan: how passages are found; its k best are what the model gets to read.
        provider: `local`, `openai`, or None for the setting LADDER_PROVIDER: who answers.
        on_delta: gets the draft while it comes, before anything is proven: the model's words, and [S1] for
            each citation.
        model: a LangChain chat model to use in place of the provider's.

    Raises:
        BadUsage: the question is empty or too long.
        LadderError: there is no index, or a model cannot be reached.
    """
    question = one_line(question)
    who = engine(provider, model)
    began = time.monotonic()
    spans: list[Span] = []
    with stage(spans, "retrieve", "RETRIEVER", {"question": question, "plan": asdict(plan)}) as out:
        found = search(index, question, plan, who.provider)
        out.append([{"page_content": p.chunk.text, "metadata": _about(p)} for p in found.passages])

    sources = numbered(found.passages)
    headings = {name: p.heading for name, p in zip(sources, found.passages, strict=True)}
    filled = {"sources": as_data(sources, question, headings), "question": question}
    sent = prompt_template().invoke(filled).to_string()
    chain = prompt_template() | who.chat
    with stage(spans, "generate", "CHAT_MODEL", sent) as out, told(who.provider, who.name):
        message: Any = None  # chunks add up to the whole message
        draft = Citations(sources)
        for chunk in chain.stream(filled):
            message = chunk if message is None else message + chunk
            _show(draft.feed(chunk.text), on_delta)
        _show(draft.end(), on_delta)
        raw = message.text if message else ""
        out.append(raw)

    with stage(spans, "prove", "PARSER", raw) as out:
        verdict = judge(raw, sources, rules(), found.pages)
        out.append(asdict(verdict))
    return Answer(
        question, verdict.text, not verdict.claims, verdict.claims, verdict.dropped, verdict.withheld, raw,
        found.passages, found.texts, found, sent, made_by(message, who.name), endpoint(who.provider),
        usage(message), time.monotonic() - began, tuple(spans),
    )  # fmt: skip


def _show(events: list[Event], on_delta: Callable[[str], None]) -> None:
    """The draft as a person reads it: a citation is its source's id, with a ? if there is no such source."""
    for event in events:
        if isinstance(event, Text):
            on_delta(event.text)
        elif isinstance(event, Citation):
            on_delta(f"[{event.source}]" if event.known else f"[{event.source}?]")


@lru_cache
def prompt_template(name: str = "answer") -> ChatPromptTemplate:
    """A prompt from its file: the rules, a line ---, and what is asked, with its variables in braces."""
    from langchain_core.prompts import ChatPromptTemplate

    system, _, asked = (PROMPTS / f"{name}.md").read_text(encoding="utf-8").partition("\n---\n")
    template = ChatPromptTemplate.from_messages([("system", system.strip()), ("human", asked.strip())])
    return template.partial(abstain=ABSTAIN)


def rules(name: str = "answer") -> str:
    """The rules of a prompt, which no answer may tell; the sentence that declines is none of them."""
    return (PROMPTS / f"{name}.md").read_text(encoding="utf-8").partition("\n---\n")[0]


def as_data(sources: Mapping[str, Chunk], question: str, headings: Mapping[str, str] | None = None) -> str:
    """Passages as a prompt holds them: clean, each in a tag that neither they nor the question can close.

    Args:
        headings: those that passages stand under, by their ids in the prompt.
    """
    above = headings or {}
    shown = [
        Source(name, clean(c.text), clean(above.get(name, ""))[:LONGEST_HEADING])
        for name, c in sources.items()
    ]
    mark = fresh_mark([*(part for source in shown for part in source), question])
    return sources_block(shown, mark)


def _about(passage: Passage) -> dict[str, Any]:
    chunk = passage.chunk
    near = round(passage.similarity, 4)
    return {"doc_uri": chunk.source, "start": chunk.start, "end": chunk.end, "similarity": near}


@contextmanager
def stage(spans: list[Span], name: str, kind: str, given: Any) -> Iterator[list[Any]]:
    """Adds the block as a span; what it appends to the list it gets is the span's output."""
    out: list[Any] = []
    start = time.time_ns()
    yield out
    spans.append(Span(name, start, time.time_ns(), kind=kind, inputs=given, outputs=out[0] if out else None))
