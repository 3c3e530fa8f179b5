"""Tools: the model asks for a calculation or a search, gets the result, and answers from what came back.

    answer, calls = ask_with_tools("What do two gates of 42 t weigh?", index, provider="openai")
    for call in calls:
        print(call.name, call.arguments, call.result)

Only what a model asks for is run, at most five times, and both tools only read. Every result is a source with
an id, so that an answer from tools is proven like any other: a passage by its place in the document, a
calculation by its own line.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from level2_prompting.ask import Answer, as_data, prompt_template, rules, stage
from level2_prompting.calculator import calculate
from level2_prompting.claims import judge
from level2_prompting.engine import engine, follows_instructions, made_by, usage
from level2_prompting.failures import told
from level2_prompting.index import Index, Passage
from level2_prompting.plan import CHOSEN, Plan
from level2_prompting.split import Chunk
from level2_prompting.stages import one_line, search, stays_where_it_should
from shared.clients import endpoint
from shared.errors import LadderError
from shared.tracking import Span

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage

MOST = 5  # calls that are run for one question


def _tool(name: str, purpose: str, argument: str, meaning: str) -> dict[str, Any]:
    """A tool of one text argument, as the chat API describes it."""
    properties = {argument: {"type": "string", "description": meaning}}
    parameters = {"type": "object", "properties": properties, "required": [argument]}
    return {"type": "function", "function": {"name": name, "description": purpose, "parameters": parameters}}


TOOLS = [
    _tool(
        "search", "Find passages of the documents by meaning.", "query", "What to look for, in a few words."
    ),
    _tool("calculate", "Work out numbers with + - * / **.", "expression", "Such as 2 * (3 + 4)."),
]
ARGUMENT = {"search": "query", "calculate": "expression"}


@dataclass(frozen=True)
class Call:
    """A tool that was asked for: with which arguments, and what came of it. `ran` is False for a refusal."""

    name: str
    arguments: Mapping[str, Any]
    result: str
    ran: bool = True


class Toolbox:
    """The tools, and all that they have brought so far. The model calls the results S1, S2, …"""

    def __init__(self, index: Index, plan: Plan, provider: str, question: str) -> None:
        self._index, self._plan, self._provider, self._question = index, plan, provider, question
        self.sources: dict[str, Chunk] = {}
        self.passages: list[Passage] = []
        self.texts: dict[str, str] = {}
        self.pages: dict[str, list[int]] = {}
        self._headings: dict[str, str] = {}

    def run(self, name: str, arguments: Mapping[str, Any]) -> Call:
        """Run one tool; what is asked for wrongly is told to the model, which may try again."""
        given = arguments.get(ARGUMENT.get(name, ""))
        if name not in ARGUMENT:
            return Call(name, arguments, f"There is no tool {name!r}; there are search and calculate.", False)
        if not isinstance(given, str):
            return Call(name, arguments, f"{name} needs the text {ARGUMENT[name]!r} and nothing else.", False)
        try:
            return Call(name, arguments, self._search(given) if name == "search" else self._calculate(given))
        except ValueError as error:
            return Call(name, arguments, str(error), False)
        except LadderError as error:
            return Call(name, arguments, error.message, False)

    def _search(self, query: str) -> str:
        found = search(self._index, query, self._plan, self._provider)
        self.texts.update(found.texts)
        self.pages.update(found.pages)
        new = [passage for passage in found.passages if passage.chunk not in self.sources.values()]
        self.passages += new
        for passage in new:
            self._headings[self._add(passage.chunk)] = passage.heading
        wanted = [passage.chunk for passage in found.passages]
        return self._shown({name: chunk for name, chunk in self.sources.items() if chunk in wanted})

    def _calculate(self, expression: str) -> str:
        line = f"{expression.strip()} = {calculate(expression)}"
        number = sum(name.startswith("calculation ") for name in self.texts) + 1
        source = f"calculation {number}"
        self.texts[source] = line
        name = self._add(Chunk(hashlib.sha256(line.encode()).hexdigest()[:24], source, line, 0, len(line)))
        return self._shown({name: self.sources[name]})

    def _add(self, chunk: Chunk) -> str:
        name = f"S{len(self.sources) + 1}"
        self.sources[name] = chunk
        return name

    def _shown(self, sources: Mapping[str, Chunk]) -> str:
        return as_data(sources, self._question, self._headings) if sources else "Nothing was found."


def ask_with_tools(
    question: str,
    index: Index,
    *,
    plan: Plan = CHOSEN,
    provider: str | None = None,
    on_call: Callable[[Call], None] = lambda call: None,
    model: BaseChatModel | None = None,
) -> tuple[Answer, tuple[Call, ...]]:
    """Answer a question with a calculator and the index's search as tools.

    Args:
        on_call: gets each call when it has been run.
        plan, provider, model: as in `ask`.

    Raises:
        BadUsage: the question is empty or too long.
        LadderError: the engine calls no tools, cannot be reached, or there is no index.
    """
    from langchain_core.messages import ToolMessage

    question = one_line(question)
    if model is None:
        check_calls_tools(provider)
    who = engine(provider, model)
    if manifest := index.manifest():
        stays_where_it_should(manifest, who.provider)
    began = time.monotonic()
    spans: list[Span] = []
    calls: list[Call] = []
    box = Toolbox(index, plan, who.provider, question)
    messages: list[BaseMessage] = (
        prompt_template("tools").invoke({"question": question, "most": MOST}).to_messages()
    )
    said: list[AIMessage] = []
    while True:
        may_call = len(calls) < MOST
        with stage(spans, "generate", "CHAT_MODEL", _plain(messages)) as out, told(who.provider, who.name):
            message = who.chat.bind_tools(TOOLS, tool_choice="auto" if may_call else "none").invoke(messages)
            out.append(message.text or [asdict(call) for call in calls])
        said.append(message)
        messages.append(message)
        wanted = _wanted(message) if may_call else []
        if not wanted:
            break
        for name, arguments, call_id in wanted:
            with stage(spans, name, "TOOL", dict(arguments)) as out:
                call = _run(box, calls, name, arguments)
                out.append(call.result)
            calls.append(call)
            on_call(call)
            messages.append(ToolMessage(call.result, tool_call_id=call_id))

    raw = message.text
    with stage(spans, "prove", "PARSER", raw) as out:
        verdict = judge(raw, box.sources, rules("tools"), box.pages)
        out.append(asdict(verdict))
    answer = Answer(
        question, verdict.text, not verdict.claims, verdict.claims, verdict.dropped, verdict.withheld, raw,
        tuple(box.passages), box.texts, None, _plain(messages[:-1]), made_by(message, who.name),
        endpoint(who.provider), _together(said), time.monotonic() - began, tuple(spans),
    )  # fmt: skip
    return answer, tuple(calls)


def check_calls_tools(provider: str | None = None) -> None:
    """Raises LadderError if it is known of the provider's engine that it calls no tools."""
    if not follows_instructions(provider):
        raise LadderError(
            "The reader calls no tools: it only quotes the passages that it is given.",
            "Name an engine that does: --provider openai, with OPENAI_BASE_URL for any compatible server.",
        )


def _run(box: Toolbox, calls: list[Call], name: str, arguments: Mapping[str, Any]) -> Call:
    """One call; beyond the limit it is refused. (A model may ask for several at once.)"""
    if len(calls) >= MOST:
        return Call(name, arguments, f"Not run: {MOST} calls are all that one question may use.", False)
    return box.run(name, arguments)


def _wanted(message: Any) -> list[tuple[str, dict[str, Any], str]]:
    """The calls that a message asks for: name, arguments, id. Arguments that are no JSON object are {}."""
    calls = [(call["name"], call["args"], call["id"] or "") for call in message.tool_calls]
    return calls + [(call["name"] or "", {}, call["id"] or "") for call in message.invalid_tool_calls]


def _plain(messages: list[BaseMessage]) -> str:
    """The conversation as text, with the calls that were asked for."""
    rows = []
    for message in messages:
        wanted = _wanted(message) if message.type == "ai" else []
        asked = [f"{name} {json.dumps(given, ensure_ascii=False)}" for name, given, _ in wanted]
        rows.append("\n".join([f"{message.type.capitalize()}: {message.text}", *asked]))
    return "\n\n".join(rows)


def _together(said: list[AIMessage]) -> dict[str, int] | None:
    """The tokens of all requests; None where one of them was not counted."""
    counts = [usage(message) for message in said]
    known = [count for count in counts if count]
    if len(known) < len(counts):
        return None
    return {key: sum(count[key] for count in known) for key in known[0]}
