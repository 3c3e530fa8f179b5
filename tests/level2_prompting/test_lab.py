"""The prompt lab against a real server that answers by simple rules: a good prompt and a worse one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chat_script import ChatScript, Messages, Reply, speaking
from click.testing import CliRunner, Result

from level2_prompting.judge import judge
from level2_prompting.lab import Engine, chosen, engine, run
from level2_prompting.lab_items import items
from level2_prompting.lab_report import summed_up
from level2_prompting.prompt_files import read
from shared import store
from shared.cli import cli
from shared.errors import BadUsage, LadderError
from shared.settings import settings

CAREFUL = {"extract": "You find a fact", "route": "You sort messages"}  # how each v2 begins
EXTRACT = {item.inputs["question"]: (number, item) for number, item in enumerate(items("extract"))}
ROUTE = {item.inputs["message"]: (number, item) for number, item in enumerate(items("route"))}


def obedient(messages: Messages) -> Reply:
    """Right where it was told well; else every third answer in a sentence, or in a code fence."""
    system, asked = messages[0]["content"], messages[-1]["content"]
    careful = system.startswith(tuple(CAREFUL.values()))
    if asked in ROUTE:
        number, item = ROUTE[asked]
        said = json.dumps(item.expectations["fields"])
        return Reply(said if careful or number % 3 else f"```json\n{said}\n```")
    number, item = EXTRACT[asked.rpartition("Question: ")[2]]
    fact = item.expectations["answer"]
    quote = next(one for one in item.inputs["passage"].split(". ") if fact in one)
    return Reply(f'{fact}\n"{quote}"' if careful or number % 3 else f"It says {fact} there.")


def broken(messages: Messages) -> Reply:
    """As `obedient`, but for four messages: an error, no answer, no JSON, an answer that is no completion."""
    number = ROUTE[messages[-1]["content"]][0]
    match number:
        case 1:
            return Reply("out of memory", status=500)
        case 2:
            return Reply("")
        case 4:
            return Reply('{"label": billing}')
        case 5:
            return Reply(body={"unexpected": True})
    return obedient(messages)


@pytest.fixture
def engine_at(fresh_settings: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """`use(script)` makes a script's server the engine, as a learner would by settings."""
    fresh_settings.setenv("LADDER_PROVIDER", "openai")
    fresh_settings.setenv("OPENAI_API_KEY", "sk-scripted")
    fresh_settings.setenv("LADDER_CHAT_MODEL", "scripted")
    yield fresh_settings


def use(script: ChatScript, patch: pytest.MonkeyPatch) -> Engine:
    patch.setenv("OPENAI_BASE_URL", script.url)
    settings.cache_clear()
    return engine()


def lab(*words: str) -> Result:
    return CliRunner().invoke(cli, ["level2", "lab", *words])


def test_the_difference_between_two_prompts_is_found_with_its_test(engine_at: pytest.MonkeyPatch) -> None:
    with speaking(obedient) as script:
        found = run(chosen("extract"), items("extract"), use(script, engine_at))
    assert len(found.outcomes) == found.planned == len(script.requests) == 96 and not found.stopped
    assert [o.item.id for o in found.outcomes[::2]] == [item.id for item in items("extract")]
    assert [o.variant for o in found.outcomes[:4]] == ["v1", "v2", "v1", "v2"]

    report = summed_up(found)
    first, second = report.variants
    assert first.scores["exact"].value == first.scores["quote_found"].value == pytest.approx(32 / 48)
    assert second.scores["exact"].value == second.scores["quote_found"].value == 1
    assert first.scores["exact"].interval.low < 32 / 48 < first.scores["exact"].interval.high < 0.85
    exact = next(d for d in report.differences if d.score == "exact")
    assert (exact.version, exact.against, exact.n) == ("v2", "v1", 48)
    assert exact.paired.difference == pytest.approx(16 / 48)
    assert 0.15 < exact.paired.interval.low < 16 / 48 < exact.paired.interval.high < 0.5
    assert (exact.paired.wins, exact.paired.losses) == (16, 0)
    assert exact.paired.p == pytest.approx(2 / 2**16)  # sixteen coins, all on one side, or all on the other
    length = next(d for d in report.differences if d.score == "characters")
    assert length.paired.test == "sign-flip permutation"

    sent = [sum(len(m["content"].split()) for m in asked["messages"]) for asked in script.requests]
    assert first.tokens_in is not None and second.tokens_in is not None
    assert first.tokens_in + second.tokens_in == sum(sent)
    assert {asked["model"] for asked in script.requests} == {"scripted"}
    assert all("temperature" not in asked for asked in script.requests)


def test_what_fails_is_counted_and_left_out_of_every_pair(engine_at: pytest.MonkeyPatch) -> None:
    with speaking(broken) as script:
        found = run(chosen("route"), items("route")[:9], use(script, engine_at), at_once=3)
    report = summed_up(found)
    for variant in report.variants:
        assert (variant.answered, variant.failed) == (7, 2)
    first, second = (variant.scores for variant in report.variants)
    # Item 2 said nothing and item 4 no JSON, with either prompt; 0, 3 and 6 were fenced with the first.
    assert second["exact"].value == second["valid_json"].value == pytest.approx(5 / 7)
    assert first["exact"].value == pytest.approx(2 / 7)
    exact = report.differences[0]
    assert (exact.n, exact.paired.wins, exact.paired.losses) == (7, 3, 0)
    assert exact.paired.p == pytest.approx(2 / 2**3)
    assert {o.item.id for o in found.outcomes if o.error} == {"route-02", "route-06"}
    told = report.failures()
    assert any(line.startswith("2 of 18") and "out of memory" in line for line in told) and len(told) == 2
    empty = next(o for o in found.outcomes if o.item.id == "route-03")
    assert empty.answer == "" and empty.error == "" and empty.scores["characters"] == 0


def test_an_engine_that_does_not_count_tokens_gets_a_dash(engine_at: pytest.MonkeyPatch) -> None:
    with speaking(lambda messages: Reply("x", usage=False)) as script:
        found = run([read("route", "v2")], items("route")[:3], use(script, engine_at))
    report = summed_up(found)
    assert report.variants[0].tokens_in is None and report.differences == ()
    assert "–" in report.table()


@pytest.mark.parametrize(("status", "said"), [(401, "refused the key"), (404, "has no model scripted")])
def test_an_engine_that_refuses_everything_ends_it_at_once(
    engine_at: pytest.MonkeyPatch, status: int, said: str
) -> None:
    with speaking(lambda messages: Reply("no", status=status)) as script:
        use(script, engine_at)
        done = lab("route")
    assert done.exit_code == 1 and said in done.stderr and done.stdout == ""
    assert len(script.requests) < 20


def test_nobody_there_is_one_sentence(engine_at: pytest.MonkeyPatch) -> None:
    with speaking(obedient) as script:
        use(script, engine_at)
    done = lab("route", "--limit", "3")
    assert done.exit_code == 1 and "cannot be reached" in done.stderr and "Traceback" not in done.output


def test_a_later_failure_of_the_whole_engine_is_counted(engine_at: pytest.MonkeyPatch) -> None:
    def once(messages: Messages) -> Reply:
        return obedient(messages) if ROUTE[messages[-1]["content"]][0] == 0 else Reply("no", status=401)

    with speaking(once) as script:
        found = run([read("route", "v2")], items("route")[:4], use(script, engine_at), at_once=1)
    assert [bool(o.error) for o in found.outcomes] == [False, True, True, True]


def test_the_reader_is_refused_with_what_would_work(fresh_settings: pytest.MonkeyPatch) -> None:
    for words in ((), ("--provider", "local"), ("--provider", "local", "--model", "gpt-5.5")):
        done = lab(*words)
        assert done.exit_code == 2 and "follows no instructions" in done.stderr
        assert "LADDER_PROVIDER=openai" in done.stderr and "OPENAI_BASE_URL=" in done.stderr
        assert "LADDER_CHAT_FOLDERS=" in done.stderr
    with pytest.raises(BadUsage, match="reader"):
        engine("local", "reader")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing",), "There is no prompt 'nothing'"),
        (("route", "--variants", "v1,v99"), "no version 'v99'"),
        (("route", "--variants", "v1,v1"), "names a version twice"),
        (("--promote", "route", "v99"), "no version 'v99'"),
    ],
)
def test_what_is_not_there_is_a_usage_error(words: tuple[str, ...], said: str) -> None:
    done = lab(*words)
    assert done.exit_code == 2 and said in done.stderr


def test_the_command_records_each_version_as_a_child(engine_at: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with speaking(broken) as script:
        use(script, engine_at)
        done = lab("route", "--limit", "9", "--json", "--temperature", "0")
    assert done.exit_code == 1  # two items got no answer
    assert all(asked["temperature"] == 0 for asked in script.requests)
    told = json.loads(done.stdout)
    assert told["variants"][1]["scores"]["exact"]["value"] == pytest.approx(5 / 7)
    assert told["answers"] == 18 and len(told["failures"]) == 4 and told["judge"] is None

    client = store.prepare_store()
    parent = client.get_run(told["run_id"])
    assert parent.info.status == "FINISHED" and parent.data.tags["engine"] == "scripted"
    assert parent.data.metrics["difference/exact/v2-v1"] == pytest.approx(3 / 7)
    assert parent.data.metrics["p/exact/v2-v1"] == pytest.approx(0.25)
    children = client.search_runs(
        [parent.info.experiment_id], f"tags.mlflow.parentRunId = '{told['run_id']}'", order_by=["start_time"]
    )
    by_version = {child.data.params["version"]: child for child in children}
    assert set(by_version) == {"v1", "v2"}
    metrics = by_version["v2"].data.metrics
    assert metrics["exact"] == pytest.approx(5 / 7) and metrics["failed"] == 2
    assert metrics["exact_low"] <= metrics["exact"] <= metrics["exact_high"]
    assert metrics["tokens_in"] == told["variants"][1]["tokens_in"] > 0
    linked = json.loads(by_version["v2"].data.tags["mlflow.linkedPrompts"])
    assert by_version["v2"].data.params["prompt_uri"] == f"prompts:/level2-route/{linked[0]['version']}"

    kept = Path(client.download_artifacts(by_version["v2"].info.run_id, "items.json", str(tmp_path)))
    table = json.loads(kept.read_text(encoding="utf-8"))
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    assert [row["item"] for row in rows] == [item.id for item in items("route")[:9]]
    assert "out of memory" in rows[1]["error"] and rows[2]["answer"] == ""
    assert [row["exact"] for row in rows] == [1, None, 0, 1, 0, None, 1, 1, 1]


def test_a_judge_is_asked_apart_and_changes_no_score(engine_at: pytest.MonkeyPatch) -> None:
    def both(messages: Messages) -> Reply:
        if len(messages) == 2 and "expert judge" in messages[0]["content"]:
            answer = messages[1]["content"].rpartition("outputs: ")[2]
            if "09:40" in answer:
                return Reply("I will not say.")
            verdict = "no" if "It says" in answer else "yes"
            return Reply(json.dumps({"result": verdict, "rationale": "I looked."}))
        return obedient(messages)

    with speaking(both) as script:
        found = run(chosen("extract"), items("extract")[:6], use(script, engine_at))
        before = summed_up(found).as_dict()
        judged = judge(found, "wise")
    assert {asked["model"] for asked in script.requests} == {"scripted", "wise"}
    assert script.keys == {"Bearer sk-scripted"}
    # The first item, 09:40, gets no verdict with either prompt; item 3 is in a sentence with the first.
    assert judged.failed == 2 and judged.means["v1"].value == 4 / 5 and judged.means["v2"].value == 1
    assert judged.means["v1"].n == judged.means["v2"].n == 5
    assert judged.verdicts["extract-02", "v2"].rationale == "I looked."
    assert "no verdict on 2" in judged.line() and "wise" in judged.line()
    assert summed_up(found).as_dict() == before


COMMAND = [sys.executable, "-c", "from shared.cli import main; main()", "level2", "lab", "route"]


def test_ctrl_c_keeps_what_was_done_and_says_so() -> None:
    """A server that hangs on the fifth item: the answers before it are shown and recorded."""
    hanging, go_on = threading.Event(), threading.Event()

    def rule(messages: Messages) -> Reply:
        if ROUTE[messages[-1]["content"]][0] >= 4:
            hanging.set()
            go_on.wait(60)
        return obedient(messages)

    with speaking(rule) as script:
        environment = os.environ | {
            "LADDER_PROVIDER": "openai", "OPENAI_API_KEY": "sk-scripted", "OPENAI_BASE_URL": script.url,
            "LADDER_CHAT_MODEL": "scripted",
        }  # fmt: skip
        process = subprocess.Popen(
            [*COMMAND, "--json", "--at-once", "1"], env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            assert hanging.wait(60)
            time.sleep(0.5)  # the eighth answer is on its way from its thread to the main one
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
            go_on.set()
    assert process.returncode == 130 and "Traceback" not in err
    told = json.loads(out)
    came = told["answers"]
    assert 1 <= came <= 8 and told["stopped"]  # eight, but on a machine that is very busy
    assert f"Stopped: {came} of 100 answers had come, and are kept." in err
    assert sum(variant["answered"] for variant in told["variants"]) == came
    parent = store.prepare_store().get_run(told["run_id"])
    assert parent.info.status == "KILLED" and f"{came} of 100" in parent.data.tags["ladder.error"]
    assert parent.data.metrics["answers"] == came


@pytest.mark.slow
def test_a_store_that_is_away_breaks_nothing(engine_at: pytest.MonkeyPatch) -> None:
    with speaking(obedient) as script:
        environment = os.environ | {
            "OPENAI_BASE_URL": script.url, "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        }  # fmt: skip
        words = [*COMMAND, "--limit", "2", "--variants", "production,v1"]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "In place of the version in production: v2 from the files." in done.stderr
    assert done.stderr.count("Warning: the run 'lab route' could not be recorded") == 1
    assert "v2" in done.stdout and "exact" in done.stdout


def test_a_promoted_text_stays_in_production_when_its_file_is_edited(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from level2_prompting import prompt_files, prompt_registry

    folder = tmp_path / "prompts"
    (folder / "mine").mkdir(parents=True)
    file = folder / "mine" / "v1.md"
    file.write_text('Say {{"a": 1}}.\n\n---\n\n{question}\n')
    for function in (prompt_files.names, prompt_files.versions, prompt_files.read):
        monkeypatch.setattr(function, "__defaults__", (folder,))
    store.forget()
    try:
        with pytest.raises(LadderError, match="No version of mine is in production"):
            prompt_registry.production("mine")
        assert prompt_registry.promote("mine", "v1").version == 1
        assert prompt_registry.promote("mine", "v1").version == 1  # the same text twice is one version
        file.write_text("Say it.\n\n---\n\n{question}\n")
        kept = prompt_registry.production("mine")
        assert (kept.version, kept.system, kept.asked) == ("production", 'Say {{"a": 1}}.', "{question}")
        assert kept.variables == {"question"}
        assert prompt_registry.promote("mine", "v1").version == 2
        assert prompt_registry.production("mine").system == "Say it."
        file.write_text("Say {{{{it}}}}.\n\n---\n\n{question}\n")
        with pytest.raises(LadderError, match="takes for a variable"):
            prompt_registry.promote("mine", "v1")
    finally:
        store.forget()


def test_promoting_is_a_command() -> None:
    done = lab("--promote", "route", "v2", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    entry = store.prepare_store().get_prompt_version_by_alias("level2-route", "production")
    assert told["uri"] == entry.uri and told["version"] == "v2"
    assert "route v2 is in production now" in lab("--promote", "route", "v2").stdout
