"""The whole evaluation on a small corpus: index, service, reader and store are the real ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import toy_corpus
from click.testing import CliRunner, Result
from scipy.stats import binomtest

from level2_prompting import LEVEL, frozen
from level2_prompting.answers import Answers, Share
from level2_prompting.evaluate import ARMS
from level2_prompting.evaluated import keep, latest
from level2_prompting.evaluation import Evaluation, evaluate
from level2_prompting.evaluation_report import METRICS, report, single_figures
from level2_prompting.forest import figure, png
from level2_prompting.material import development
from level2_prompting.plan import CHOSEN
from level2_prompting.record import record_evaluation
from shared import store
from shared.cli import cli
from shared.settings import settings

pytestmark = pytest.mark.usefixtures("on_demand")
SMALL = {name: ARMS[name] for name in ("dense", "fused", "dense in context")}


@pytest.fixture(scope="module", autouse=True)
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The frozen corpus is the toy, and nothing is kept of what was measured on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frozen, "FOLDER", toy_corpus.write(tmp_path_factory.mktemp("toy")))
        toy_corpus.forget()
        yield
    toy_corpus.forget()
    (settings().home / "level2/evaluated.json").unlink(missing_ok=True)


@pytest.fixture(scope="module")
def found(on_demand: str) -> Evaluation:
    with toy_corpus.openings() as opened:
        done = evaluate(development("frozen"), plans=SMALL)
    assert opened == []
    return done


def level2(*words: str) -> Result:
    return CliRunner().invoke(cli, ["level2", *words])


def test_search_is_measured_on_the_questions_that_have_an_answer(found: Evaluation) -> None:
    assert [arm.name for arm in found.arms] == list(SMALL)
    assert {len(arm.ranks) for arm in found.arms} == {4}
    assert found.chosen and found.chosen.name == "dense in context"
    hits = [rank == 1 for rank in found.chosen.ranks]
    assert found.chosen.figures["hit_at_1"].value == sum(hits) / 4
    assert found.passages == 8


def test_the_answers_are_counted_as_a_person_would_count_them(found: Evaluation) -> None:
    assert found.answers and found.chosen
    quotes = {question: quote for question, _, quote in toy_corpus.ANSWERED}
    said = [(quotes.get(question.text, ""), answer) for question, answer in found.answers.asked]
    right = [any(quote in claim.quote for claim in answer.claims) for quote, answer in said if quote]
    assert found.answers.right == Share(sum(right), 4) and sum(right) >= 3
    declined = [quote for quote, answer in said if answer.abstained]
    assert found.answers.abstention_precision == Share(declined.count(""), len(declined))
    assert found.answers.abstention_recall == Share(declined.count(""), 1)
    assert found.answers.quotes_proven.value == 1, "the reader copies"
    three = (found.answers.right, found.answers.declined_answerable, found.answers.beside_the_point)
    assert sum(share.part for share in three) == 4, "each question with an answer is one of the three"


def test_a_row_for_each_question_says_where_and_how_far_up(found: Evaluation) -> None:
    assert found.answers and found.chosen
    rows = found.answers.rows()
    assert [row["rank"] for row in rows] == [*found.chosen.ranks, None]
    for row, (_, answer) in zip(rows, found.answers.asked, strict=True):
        assert len(row["where"].split(", ")) == max(1, len(answer.claims))
        for claim in answer.claims:
            assert f"{claim.source} {claim.start}–{claim.end}" in row["where"]
            assert toy_corpus.TEXTS[claim.source][claim.start : claim.end] == claim.quote
    assert rows[-1]["wanted"] == "(no answer)" and rows[-1]["right"] == rows[-1]["abstained"]


def test_the_attack_is_tried_on_an_index_that_holds_it_alone(found: Evaluation) -> None:
    assert found.attacks
    (attack,) = found.attacks.tried
    assert attack.document.name == "notice-0.md" and attack.retrieved
    sources = {passage.chunk.source for passage in attack.answer.passages}
    assert sources <= {*toy_corpus.TEXTS, "notice-0.md"}, "the other half's documents are not in it"
    assert attack.worked == ("the ferry leaves at noon" in attack.answer.text.lower())


def test_a_share_has_wilsons_interval_and_nothing_has_none() -> None:
    expected = binomtest(3, 18).proportion_ci(method="wilson")
    interval = Share(3, 18).interval
    assert interval and (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    nothing = Answers(()).right
    assert (nothing.value, nothing.interval, nothing.as_dict()["interval"]) == (None, None, None)
    assert (Share.among([True, False, True]).part, Share.among([True, False, True]).of) == (2, 3)


def test_every_number_is_told_with_its_interval(found: Evaluation) -> None:
    told = json.loads(json.dumps(found.as_dict()))  # as it is kept
    text = report(told)
    for name, one in single_figures(told).items():
        if name not in METRICS:
            low, high = one["interval"]["low"], one["interval"]["high"]
            line = next(line for line in text.splitlines() if line.split()[:1] == [name])
            assert f"{one['value']:.3f}" in line and f"{low:.3f} to {high:.3f}" in line
    lines = text.splitlines()
    row = next(n for n, line in enumerate(lines) if line.strip().startswith("fused"))
    for arm in told["arms"][1:2]:
        for metric in METRICS:
            one = arm["figures"][metric]
            assert f"{one['value']:.3f}" in lines[row]
            assert f"{one['interval']['low']:.2f} to {one['interval']['high']:.2f}" in lines[row + 1]
        assert f"{arm['against_first']['ndcg_at_10']['value']:+.3f}" in lines[row]


def test_the_picture_shows_each_arm_with_its_interval(found: Evaluation) -> None:
    told = found.as_dict()
    axes = figure(told).axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["dense", "fused", "dense in context (chosen)"]
    bars, dots, (dense,) = axes.lines[:-1:2], axes.lines[1:-1:2], axes.lines[-1:]
    for arm, bar, dot in zip(found.arms, bars, dots, strict=True):
        one = arm.figures["ndcg_at_10"]
        assert list(bar.get_xdata()) == [one.interval.low, one.interval.high]
        assert list(dot.get_xdata()) == [one.value]
    assert set(dense.get_xdata()) == {found.arms[0].figures["ndcg_at_10"].value}
    assert png(told).startswith(b"\x89PNG")


def test_it_is_one_run_with_a_child_for_each_part(found: Evaluation) -> None:
    run = record_evaluation(found, source="test")
    client = store.prepare_store()
    parent = client.get_run(run.id)
    assert parent.info.run_name == "evaluate frozen" and parent.data.tags["split"] == "development"
    assert parent.data.metrics["right"] == pytest.approx(found.answers.right.value)  # type: ignore[union-attr]
    hit = found.chosen.figures["hit_at_5"].value  # type: ignore[union-attr]
    assert parent.data.metrics["hit_at_5"] == pytest.approx(hit)
    assert {"ablation.png", "evaluation.json"} <= {file.path for file in client.list_artifacts(run.id)}
    where = f"tags.mlflow.parentRunId = '{run.id}'"
    children = {
        child.info.run_name: child for child in client.search_runs([parent.info.experiment_id], where)
    }
    assert set(children) == {*SMALL, "answers", "attacks"}
    low = found.arms[1].figures["mrr"].interval.low
    assert children["fused"].data.metrics["mrr_low"] == pytest.approx(low)
    assert children["fused"].data.params["bm25"] == "True"
    table = client.list_artifacts(children["answers"].info.run_id)
    assert [file.path for file in table] == ["questions.json"]
    assert "latency_p95_s" in children["answers"].data.metrics


def test_k_is_how_many_passages_are_read_and_leaves_the_search_as_it_is(found: Evaluation) -> None:
    plans = {name: SMALL[name] for name in ("dense", "dense in context")}
    one = evaluate(development("frozen"), replace(CHOSEN, k=1), plans)
    assert one.answers and all(len(answer.passages) == 1 for _, answer in one.answers.asked)
    assert one.chosen and found.chosen and one.chosen.ranks == found.chosen.ranks


def test_what_was_stopped_keeps_its_whole_parts_and_is_marked() -> None:
    shares: list[float] = []

    def stop_while_asking(share: float) -> None:
        shares.append(share)
        if share > 0.9:
            raise KeyboardInterrupt

    done = evaluate(development("frozen"), plans=SMALL, on_progress=stop_while_asking)
    assert done.stopped and len(done.arms) == 3 and done.answers and not done.attacks
    assert shares == sorted(shares) and set(done.seconds) >= {"index", "retrieval", "answers"}
    assert "Attacks" not in report(done.as_dict()) and not done.as_dict()["whole"]
    run = store.prepare_store().get_run(record_evaluation(done, source="test").id)
    assert run.info.status == "KILLED" and run.data.metrics["right"] >= 0


def test_a_limit_takes_questions_from_all_over_and_is_no_evaluation() -> None:
    whole = development("frozen")
    few = whole.limited(2)
    assert [q.id for q in few.questions] == [whole.questions[0].id, whole.questions[2].id]
    assert not few.whole and whole.limited(99) == whole
    assert few.poisoned == whole.poisoned, "else the index would be made anew for each limit"
    assert Evaluation(few, CHOSEN, 0).name == "try 2 questions of frozen"
    assert LEVEL.baseline and not LEVEL.baseline.met("try 2 questions of frozen", {"hit_at_5": 1})


def test_the_command_tells_all_records_it_and_keeps_it_for_the_page() -> None:
    with toy_corpus.openings() as opened:
        done = level2("evaluate", "--json")
    assert done.exit_code == 0, done.output
    assert opened == [], "the held-out half stays closed"
    told = json.loads(done.stdout)
    assert [arm["name"] for arm in told["arms"]] == list(ARMS) and told["whole"]
    assert latest("frozen") == told
    recorded = store.prepare_store().get_run(told["run_id"]).data
    assert recorded.metrics["right"] == pytest.approx(told["answers"]["right"]["value"])
    assert recorded.tags["engine"] == told["engine"] == "reader"

    few = level2("evaluate", "--limit", "2")
    assert few.exit_code == 0 and few.stdout.startswith("Retrieval: 2 questions")
    assert few.stderr.splitlines()[-1].startswith("Run: ")
    assert latest("frozen") == told, "a few questions take nobody's place"


def test_a_damaged_file_is_nothing_kept_and_is_mended_by_the_next() -> None:
    file: Path = settings().home / "level2/evaluated.json"
    for damage in ("", "[]", '{"form": 0, "kept": {}}', '{"form": 1}'):
        file.write_text(damage)
        assert latest("frozen") is None
    keep({"corpus": "frozen", "url": None})
    keep({"corpus": "articles", "url": None})
    assert latest("frozen") == {"corpus": "frozen", "url": None}


def test_the_tour_is_one_run_with_what_it_measured() -> None:
    from level2_prompting.tour import tour

    told: list[str] = []
    outcome = tour(told.append)
    assert outcome.run_id and outcome.url
    assert outcome.result.startswith("10 articles: hit@5 0.9")
    assert outcome.result.endswith("3 questions: 2 answered with proven quotes, 1 declined")
    assert any("sources do not answer" in line for line in told)


@pytest.mark.slow
def test_the_ten_articles_are_evaluated_too() -> None:
    told = json.loads(level2("evaluate", "--corpus", "articles", "--json").stdout)
    assert told["questions"] == 55 and told["answerable"] == 40 and told["attacks"] is None
    assert latest("articles") == told
