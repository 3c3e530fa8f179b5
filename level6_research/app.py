"""The page of level 6: run a study, watch its trials, and read what may be said of them.

streamlit run level6_research/app.py
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from level6_research import LEVEL
from level6_research.job import Job
from level6_research.ledger import Record, Trial, history, many, names, tally
from level6_research.new import TEMPLATES, examples
from level6_research.render import Link, gallery
from level6_research.report import Report, build, by_arm, versions
from level6_research.study import Study, load
from level6_research.verdict import short
from shared import ui
from shared.errors import LadderError

LOOK_S = 0.5  # how often the page looks how far a job is
# Keys begin with "level6": in the hub all pages share one session.
COLOURS = {"better": "green", "worse": "red", "equivalent": "blue", "not enough evidence": "gray"}
MARKS = {"finished": "✓", "failed": "✗", "killed": "✗", "running": "…"}
LABELS = {"coin": "coin: some seconds, no training", "bitlinear": "bitlinear: ten small trainings"}


def choose() -> Study:
    """One of the example studies, with its plan to read before it runs."""
    name = st.segmented_control(
        "An example study",
        examples(),
        default="bitlinear",
        required=True,
        format_func=lambda n: LABELS.get(n, n),
    )
    study = load(TEMPLATES / (name or "bitlinear"))
    st.markdown(f"{ui.plain(study.plan.question)} *{ui.plain(study.plan.hypothesis)}*")
    with st.expander("The study, as it will be registered", icon=":material/description:"):
        left, right = st.columns(2)
        left.code((study.folder / "study.yaml").read_text(encoding="utf-8"), language="yaml", height=420)
        right.code(study.source, language="python", height=420)
    return study


def watch(job: Job) -> None:
    """What happens while a study is at work: the trial it is at, and each that has ended."""
    if job.wait(0):
        return
    place = st.empty()
    box = place.status(ui.plain(job.label()), expanded=True)
    bar, rows = box.empty(), box.empty()
    while not job.wait(LOOK_S):
        box.update(label=ui.plain(job.label()))
        bar.progress(job.share)
        rows.text("\n".join([*job.told, *(_line(trial) for trial in job.done)]))
    place.empty()


def _line(trial: Trial) -> str:
    told = short(trial.value) if trial.value is not None else trial.reason
    return f"{MARKS[trial.state]} {trial.arm}, seed {trial.seed}: {told}"


def show(past: Sequence[Record], report: Report) -> None:
    """One study: the verdict, the picture, the numbers behind it, and the report to keep."""
    record = past[-1]
    for verdict in record.verdicts:
        st.badge(ui.plain(verdict.word), color=COLOURS[verdict.word])  # type: ignore[arg-type]
    st.markdown(f"**{ui.plain(record.standing)}**")
    head, rows = by_arm(record)
    ui.metric_row({f"{arm}: {head[1]} ± sd": _spread(*numbers) for arm, *numbers in rows})
    ui.run_link(record.url)
    st.html(gallery(report.panels))
    trials, runs, whole = st.tabs(["Trials", "Versions", "Report"])
    with trials:
        st.dataframe(
            [_row(trial) for trial in record.attempts],
            column_config={
                "run": st.column_config.LinkColumn(display_text="open"),
                "value": st.column_config.NumberColumn(format="%.3g"),
                "seconds": st.column_config.NumberColumn(format="%.3g"),
            },
            hide_index=True,
        )
        st.caption(f"{tally([record])}.")
    with runs:
        columns, table = versions(past)
        cells = ([cell.text if isinstance(cell, Link) else cell for cell in row] for row in table)
        st.dataframe([dict(zip(columns, row, strict=True)) for row in cells], hide_index=True)
        st.caption(
            "A study whose plan or code changed is a new version: its trials are run anew. "
            f"All versions and runs together: {tally(past)}."
        )
    with whole:
        with st.container(horizontal=True):
            for name, text, kind in (
                ("report.html", report.html, "text/html"), ("report.md", report.markdown, "text/markdown"),
                ("figure.svg", report.figure, "image/svg+xml"),
            ):  # fmt: skip
                st.download_button(
                    name, text, f"{record.name}-{name}", kind, icon=":material/download:", on_click="ignore"
                )
        with st.container(height=520):
            st.markdown(report.markdown.replace("![", "Figure above: ["))


def _spread(mean: str, sd: str, n: str) -> str:
    """A mean with its spread, or what is missing for it."""
    return {"0": "no result yet", "1": f"{mean}, of one seed"}.get(n, f"{mean} ± {sd}")


def _row(trial: Trial) -> dict[str, object]:
    return {
        "run": trial.url, "arm": trial.arm, "seed": trial.seed, "state": trial.state, "value": trial.value,
        "seconds": trial.wall_s, "reason": trial.reason,
    }  # fmt: skip


def reported(past: Sequence[Record]) -> Report:
    """The report on a study as it stands, made once and kept with its run."""
    reports: dict[str, Report] = st.session_state.setdefault("level6 reports", {})
    record = past[-1]
    key = f"{record.run_id} {len(record.attempts)} {len(record.values)} {len(past)}"
    if key not in reports:
        reports[key] = build(past)
        if record.done:
            reports[key].attach()
    return reports[key]


def studies(wanted: str | None) -> None:
    """What MLflow holds: one study to look at, the one that ran last to begin with."""
    st.subheader("Studies", anchor=False)
    with st.spinner("Reading the studies from MLflow …"):
        known = names()
    if not known:
        st.info("No study has been run yet.")
        return
    chosen = st.selectbox("Study", known, index=known.index(wanted) if wanted in known else 0)
    with st.spinner(f"Reading {ui.plain(chosen)} …"):
        past = history(chosen)
        report = reported(past)
    show(past, report)


def main() -> None:
    ui.page(LEVEL)
    study = choose()
    jobs: dict[str, Job] = st.session_state.setdefault("level6 jobs", {})
    again = st.checkbox("Start over where all is done", help="The report counts how often a version was run.")
    if st.button("Run this study", type="primary", icon=":material/science:"):
        running = jobs.get(study.name)
        if running is None or running.wait(0):
            jobs[study.name] = Job(study, again)
        st.session_state["level6 shown"] = study.name
    if job := jobs.get(study.name):
        watch(job)
        try:
            record = job.result()
            if not record.done:
                missing = many(len(record.plan.trials) - len(record.values), "trial")
                st.warning(f"Without a result: {missing}. Run the study again to go on.")
        except LadderError as error:
            ui.error_box(error)
    st.divider()
    try:
        studies(st.session_state.get("level6 shown"))
    except LadderError as error:
        ui.error_box(error)


main()
