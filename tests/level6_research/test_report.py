"""The report: every number in it is in MLflow or follows from what is, and nothing in it becomes markup."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from statistics import fmean, stdev

import pytest
from scipy import stats
from study_folders import CODE, PLAN, make

from level6_research.ledger import PLAN as PLAN_TAG
from level6_research.ledger import history
from level6_research.report import Report, build, versions
from level6_research.study import load
from level6_research.trials import run_study
from shared import store

pytestmark = pytest.mark.usefixtures("home")

HOSTILE = "<script>alert(1)</script> **b** [x](http://evil) | ![i](http://evil) $x$"
FAILS_ONCE = CODE.replace(
    "    for step",
    "    if seed == 2 and config['lift'] and not open(MARK).read():\n        open(MARK, 'w').write('x')\n"
    "        raise ValueError(REASON)\n    for step",
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Report:
    """A study with a first version, a failed trial, and a hostile question, reason and setting."""
    folder = tmp_path_factory.mktemp("studies") / "reported"
    run_study(load(make(folder)), lambda line: None)
    mark = folder.parent / "mark"
    mark.write_text("")
    plan = PLAN.replace("Is b better than a?", json.dumps(HOSTILE)).replace(
        "lift: 0,", "lift: 0, note: '<i>',"
    )
    study = load(make(folder, plan, f"MARK, REASON = {str(mark)!r}, {HOSTILE!r}\n{FAILS_ONCE}"))
    assert not run_study(study, lambda line: None).done
    assert run_study(study, lambda line: None).done
    made = build(history("reported"))
    made.attach()
    return made


def test_every_number_is_in_mlflow_or_follows_from_it(report: Report) -> None:
    client = store.prepare_store()
    runs = client.search_runs([client.get_run(report.run_id).info.experiment_id])
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == report.run_id]
    registered = json.loads(client.get_run(report.run_id).data.tags[PLAN_TAG])
    kept = {
        (r.data.tags["arm"], int(r.data.tags["seed"])): r.data.metrics["score"]
        for r in children
        if r.info.status == "FINISHED"
    }
    a, b = ([kept[arm, seed] for seed in registered["seeds"]] for arm in "ab")
    gaps = [y - x for x, y in zip(a, b, strict=True)]
    interval = stats.t.interval(0.95, 2, loc=fmean(gaps), scale=stats.sem(gaps))
    spent = sum(r.data.metrics["wall_s"] for r in children)
    allowed = {f"{x:.3g}" for x in [*a, *b, fmean(a), fmean(b), stdev(a), stdev(b), spent]}
    allowed |= {f"{x:+.3g}" for x in [*gaps, fmean(gaps), *interval]}
    allowed |= {f"{registered['metric']['rope']:g}", f"{registered['budget']:g}", "95"}
    allowed |= {str(x) for x in [*registered["seeds"], *registered["config"].values(), 3]}  # seeds; n
    allowed |= {"6", "7", "13", "1", "0", "2"}  # trials, attempts (of all versions), failed, killed, versions

    text = re.sub(r"\]\([^)]*\)", "]", report.markdown.partition("## Compute")[0].replace(r"\-", "-"))
    text = re.sub(r"\[[0-9a-f]{12}\]|\d{4}-\d\d-\d\d \d\d:\d\d", "", text).replace("alert(1)", "")
    found = re.findall(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?", text)
    assert len(found) > 30
    assert set(found) <= allowed, set(found) - allowed
    for figure in (f"{fmean(b):.3g}", f"{stdev(b):.3g}", f"{interval[0]:+.3g}", f"{interval[1]:+.3g}"):
        assert figure in found
    assert f"Time spent in trials: {spent:.3g} s" in report.markdown


def test_it_tells_what_failed_and_which_version_this_is(report: Report) -> None:
    assert "This run of the study made 7 attempts: 1 failed, 0 killed." in report.markdown
    assert "All versions and runs together made 13 attempts: 1 failed, 0 killed." in report.markdown
    assert "This is version 2 of 2" in report.markdown
    assert report.html.count("6 of 6") == 2
    record = history("reported")[-1]
    for trial in record.attempts:
        assert trial.url in report.markdown and trial.url in report.html


def test_what_an_earlier_version_lost_is_counted_and_a_second_run_says_so(tmp_path: Path) -> None:
    """Version 1 is stopped in its second trial; version 2 is whole, and run again."""
    code = "def run(c, s, r):\n    if s: raise KeyboardInterrupt\n    return {'score': 1.0}\n"
    with pytest.raises(KeyboardInterrupt):
        run_study(load(make(tmp_path / "again", code=code)), lambda line: None)
    first = run_study(load(make(tmp_path / "again")), lambda line: None)
    assert "Registered on" in build(history("again")).markdown
    last = run_study(load(tmp_path / "again"), lambda line: None, again=True)

    past = history("again")
    head, rows = versions(past)
    told = [dict(zip(head, row, strict=True)) for row in rows]
    wanted = [("1", "1 of 1", "3", "0", "1"), ("2", "1 of 2", "6", "0", "0"), ("2", "2 of 2", "6", "0", "0")]
    assert [tuple(t[k] for k in ("version", "run", "attempts", "failed", "killed")) for t in told] == wanted
    markdown = build(past).markdown.replace("\\", "")
    assert "This run of the study made 6 attempts: 0 failed, 0 killed." in markdown
    assert "All versions and runs together made 15 attempts: 0 failed, 1 killed." in markdown
    assert past[0].lost[0].url in markdown and "| killed | KeyboardInterrupt |" in markdown
    registered, begun = (f"{r.registered:%Y-%m-%d %H:%M}" for r in (first, last))
    assert f"First registered on {registered}, before the first trial" in markdown
    assert f"this is run 2 of 2 of this version, begun on {begun}" in markdown


class Seen(HTMLParser):
    """The tags of a page, what they load, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.loads: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href") and tag != "a"]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_stands_alone_and_escapes_everything(report: Report) -> None:
    seen = Seen()
    seen.feed(report.html)
    assert not seen.tags & {"script", "i", "b", "link", "iframe"}
    assert [load[:26] for load in seen.loads] == ["data:image/svg+xml;base64,"] * 3, "panel by panel"
    assert seen.text.count(HOSTILE) >= 3, "question, abstract and reason, as they were written"


def test_markdown_escapes_everything(report: Report) -> None:
    assert "<script" not in report.markdown and "](http://evil)" not in report.markdown.replace("\\](", "")
    table = report.markdown.partition("| trial | state | reason |")[2].splitlines()[2]
    assert len(re.findall(r"(?<!\\)\|", table)) == 6, "a bar in a reason makes no column"


def test_the_figure_is_a_picture(report: Report) -> None:
    root = ElementTree.fromstring(report.figure)
    assert root.tag.endswith("svg")
    assert len(root.findall(".//{http://www.w3.org/2000/svg}path")) > 20
    assert len(report.panels) == 3
    assert all(ElementTree.fromstring(panel).tag.endswith("svg") for panel in report.panels.values())


def test_it_is_kept_with_the_run_and_written_where_one_says(report: Report, tmp_path: Path) -> None:
    kept = store.prepare_store().list_artifacts(report.run_id, "report")
    assert {Path(f.path).name for f in kept} == {"figure.svg", "report.html", "report.md"}
    page = report.write(tmp_path / "out")
    assert page.read_text() == report.html
    assert {f.name for f in page.parent.iterdir()} == {"figure.svg", "report.html", "report.md"}


def test_a_study_that_is_not_finished_gets_no_verdict(tmp_path: Path) -> None:
    code = "def run(c, seed, report):\n    if seed: raise ValueError('x')\n    return {'score': 1.0}\n"
    run_study(load(make(tmp_path / "half", code=code)), lambda line: None)
    made = build(history("half"))
    assert "The study is not finished: 2 of 6 trials." in made.markdown
    assert "better than" not in made.markdown.partition("## Verdict")[2].partition("## By arm")[0]
