"""Traces: the stages of a piece of work with their times, as the MLflow UI draws them.

A chat turn or a search is a trace in its level's experiment; `trace` records one. The stages of something
that is a run belong to that run: `Run.trace` in `tracking.py`.
"""

from __future__ import annotations

import sys
import textwrap
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared import store
from shared.errors import LadderError

SESSION = "mlflow.trace.session"  # MLflow's own name, in mlflow.tracing.constant.TraceMetadataKey


@dataclass(frozen=True)
class Span:
    """One stage of a piece of work: times in nanoseconds since the epoch.

    Attributes:
        kind: MLflow's name for what it does, such as RETRIEVER, CHAT_MODEL or PARSER.
        inside: stages of this stage.
    """

    name: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
    inside: tuple[Span, ...] = ()
    kind: str = "UNKNOWN"
    inputs: Any = None
    outputs: Any = None


@dataclass(frozen=True)
class Trace:
    """A trace that was recorded; `url` is a deep link into the MLflow UI."""

    id: str
    url: str


def trace(
    level: str,
    name: str,
    spans: Sequence[Span],
    inputs: Any = None,
    outputs: Any = None,
    tags: Mapping[str, str] | None = None,
    session: str | None = None,
) -> Trace | None:
    """Record one piece of work that is no run; returns when it is written.

    Args:
        level: the experiment, a level's slug such as `level2-prompting`.
        spans: its stages, in order; the trace lasts from the first beginning to the last end.
        session: the conversation it is a turn of; the UI shows the turns of one together.

    Returns:
        The trace, or None if the store cannot be reached, which is said once and breaks nothing.
    """
    try:
        client = store.prepare_store()
        experiment = store.experiment_id(client, level)
        about = {SESSION: session} if session else None
        found = write_trace(name, spans, experiment, inputs, outputs, about, tags)
        return Trace(found, store.trace_url(experiment, found))
    except Exception as error:
        complain(name, error)
        return None


def write_trace(
    name: str,
    spans: Sequence[Span],
    experiment: str,
    inputs: Any = None,
    outputs: Any = None,
    metadata: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Write a trace into a store that is prepared; returns its id. Raises what MLflow raises."""
    import mlflow

    begin, end = min(s.start_ns for s in spans), max(s.end_ns for s in spans)
    root = mlflow.start_span_no_context(
        name, inputs=inputs, start_time_ns=begin, experiment_id=experiment, metadata=dict(metadata or {}),
        tags=dict(tags or {}),
    )  # fmt: skip
    _add_spans(root, spans)
    root.end(outputs=outputs, end_time_ns=end)
    return root.trace_id


def _add_spans(parent: Any, spans: Sequence[Span]) -> None:
    import mlflow

    for span in spans:
        added = mlflow.start_span_no_context(
            span.name, span_type=span.kind, parent_span=parent, inputs=span.inputs,
            attributes=dict(span.attributes), start_time_ns=span.start_ns,
        )  # fmt: skip
        _add_spans(added, span.inside)
        added.end(outputs=span.outputs, end_time_ns=span.end_ns)


_complained = threading.Event()  # one warning a process is enough


def complain(name: str, error: Exception) -> None:
    """Say once in a process that something could not be recorded, and why."""
    if _complained.is_set():
        return
    _complained.set()
    first = error.message if isinstance(error, LadderError) else str(error).strip().partition("\n")[0]
    reason = textwrap.shorten(first or type(error).__name__, 200, placeholder=" …")
    print(f"Warning: the run {name!r} could not be recorded: {reason}", file=sys.stderr)
