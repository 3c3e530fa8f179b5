"""What comes before a network: each number against scikit-learn, numpy or a case that is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from sklearn.datasets import make_circles
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from level4_build.baselines import (
    ClusterSays,
    Score,
    added,
    best,
    candidates,
    compare,
    confirm,
    fold_interval,
    folds,
)
from level4_build.baselines_command import told
from level4_build.baselines_figure import figures, png
from level4_build.baselines_record import record_baselines
from level4_build.learning_curves import SIZES, STRENGTHS, Curve, learning_curve, regularisation
from level4_build.slices import out_of_fold, slices, strangeness
from level4_build.small_network import SmallNetwork
from level4_build.survey import Survey, survey
from level4_build.tabular import NAMES, Table, load, look, split
from shared import runs, store
from shared.cli import cli
from shared.errors import BadUsage
from shared.stats import Interval, mean_interval

KEPT = ("largest class", "decision tree", "linear regression", "logistic regression")


@pytest.fixture(scope="module")
def wine() -> Table:
    return split(load("wine"), 0)[0]


@pytest.fixture(scope="module")
def surveyed() -> Survey:
    return survey("wine", 0, open_test=True)


# The data ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_both_parts_together_are_the_whole_with_the_same_classes(name: str) -> None:
    whole = load(name)
    development, test = split(whole, 0)
    both = np.concatenate([development.X, test.X])
    assert np.array_equal(np.sort(both, axis=0), np.sort(whole.X, axis=0))
    assert len(test.y) == pytest.approx(0.2 * len(whole.y), abs=1)
    for number in range(len(whole.classes)):
        assert np.mean(test.y == number) == pytest.approx(np.mean(whole.y == number), abs=0.02)
    assert len(development.slice_by[0]) == len(development.y)
    again, other = split(whole, 0)[0], split(whole, 1)[0]
    assert again.digest() == development.digest() != other.digest()


def test_a_first_look_finds_what_is_suspicious() -> None:
    X = np.array([[1, 5, 0, 1], [2, 5, 5e3, 2], [1, 5, 0, 1], [3, 5, np.nan, 3], [4, 5, 9e3, 4.5]])  # noqa: N806
    table = Table("t", X, np.array([0, 0, 0, 0, 1]), tuple("abcd"), ("no", "yes"), "", (X[:, 0], ""), "")
    found = look(table)
    assert (found.rows, found.columns, found.counts) == (5, 4, {"no": 4, "yes": 1})
    assert found.ranges[2] == ("c", 0.0, 3500.0, 9000.0, 1)
    notes = " ".join(found.notes)
    for said in ("1 values are missing", "1 columns never change", "1 rows are copies", "100 times", "80%"):
        assert said in notes
    clean = replace(
        table, X=np.arange(15.0).reshape(5, 3), y=np.array([0, 1, 0, 1, 0]), features=tuple("abc")
    )
    assert look(clean).notes == ["Nothing missing, copied or constant."]


def test_a_data_set_that_is_not_there_is_named() -> None:
    with pytest.raises(BadUsage, match="iris"):
        load("iris")


# The candidates ---------------------------------------------------------------------------------------


def test_scores_are_scikit_learn_s_with_the_scaling_inside_the_folds(wine: Table) -> None:
    tried = [one for one in candidates(wine, 0) if one.name in KEPT]
    shares: list[float] = []
    scores = compare(wine, tried, 0, shares.append)
    assert [score.name for score in scores] == list(KEPT) and shares == [0.25, 0.5, 0.75, 1.0]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    expected = cross_val_score(pipeline, wine.X, wine.y, cv=folds(wine, 0))
    assert scores[-1].folds == pytest.approx(expected.tolist())
    largest = np.bincount(wine.y).max() / len(wine.y)
    assert scores[0].mean == pytest.approx(largest, abs=0.01)
    assert scores[1].train == 1.0 > scores[1].mean, "a tree that is not held learns its rows by heart"
    assert all(score.interval.low <= score.mean <= score.interval.high <= 1 for score in scores)


def test_clusters_are_named_by_what_most_of_their_rows_are() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [9, 0], [0, 9]])
    X = np.concatenate([rng.normal(centre, 0.5, (30, 2)) for centre in centres])  # noqa: N806
    y = np.repeat([2, 0, 0], 30)
    y[:4] = 0  # a few are named wrongly: the others outvote them
    model = ClusterSays(3, classes=3, seed=0).fit(X, y)
    assert model.predict(centres).tolist() == [2, 0, 0]
    numbers = ClusterSays(3, classes=0, seed=0).fit(X, np.repeat([1.0, 2.0, 3.0], 30))
    assert numbers.predict(centres) == pytest.approx([1, 2, 3])


def test_an_interval_over_folds_allows_for_the_rows_that_they_share() -> None:
    values = [0.9, 0.92, 0.88, 0.95, 0.91]
    found, plain = fold_interval(values), mean_interval(values)
    assert (found.low + found.high) / 2 == pytest.approx(np.mean(values))
    wider = (found.high - found.low) / (plain.high - plain.low)
    assert wider == pytest.approx(1.5), "√((1/5 + 1/4) / (1/5))"


@pytest.mark.parametrize(
    ("network", "said"),
    [((0.9, 0.91, 0.92), "earns"), ((0.7, 0.71, 0.72), "worse"), ((0.7, 0.8, 0.93), "cannot tell")],
)
def test_what_the_network_adds_is_read_from_its_interval(network: tuple[float, ...], said: str) -> None:
    def score(name: str, values: tuple[float, ...]) -> Score:
        return Score(name, "", values, 1.0, Interval(0, 1), 0.0)

    scores = [score("a", (0.8, 0.81, 0.825)), score("b", (0.1, 0.2, 0.3)), score("small network", network)]
    found = added(scores)
    assert found.over == "a" and said in found.words
    assert found.difference == pytest.approx(np.mean(network) - np.mean(scores[0].folds))
    assert best([scores[0], replace(scores[0], name="later")]).name == "a", "of equals the simpler"


def test_the_small_network_bends_where_a_line_cannot() -> None:
    X, y = make_circles(300, noise=0.05, factor=0.5, random_state=0)  # noqa: N806
    before = torch.get_rng_state()
    network = SmallNetwork(classes=2, seed=0).fit(X[:200], y[:200])
    line = LogisticRegression().fit(X[:200], y[:200])
    assert np.mean(network.predict(X[200:]) == y[200:]) > 0.97 > 0.7 > line.score(X[200:], y[200:])
    assert torch.equal(torch.get_rng_state(), before), "it draws from its own generator alone"
    same, other = (SmallNetwork(2, epochs=1, seed=s).fit(X, y).net_[0].weight for s in (0, 0))
    assert torch.equal(same, other)


def test_the_small_network_tells_numbers_far_from_0() -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (200, 1))  # noqa: N806
    y = 5000 + 300 * np.abs(X[:, 0])
    found = SmallNetwork(classes=0).fit(X, y).predict(X)
    assert found.shape == y.shape and np.abs(found - y).mean() < 15


# Curves and paths -------------------------------------------------------------------------------------


def test_a_learning_curve_ends_at_the_cross_validation(wine: Table) -> None:
    linear = next(one for one in candidates(wine, 0) if one.name == "linear regression")
    curve = learning_curve(wine, linear, 0)
    assert curve.val.shape == (len(SIZES), 5) and curve.at[-1] == min(
        len(train) for train, _ in folds(wine, 0)
    )
    assert curve.val[-1].mean() == pytest.approx(compare(wine, [linear], 0)[0].mean, abs=0.02)
    assert curve.val[0].mean() < curve.val[-1].mean()


@pytest.mark.parametrize(
    ("train", "val", "said"),
    [
        (1.0, 0.8, "variance. More"),
        (0.71, 0.7, "More rows help little"),
        (0.9, 0.8, "both"),
        (0.99, 0.98, "little is"),
    ],
)
def test_the_end_of_a_learning_curve_is_put_in_words(train: float, val: float, said: str) -> None:
    curve = Curve("m", np.array([10]), np.array([[train] * 2]), np.array([[val] * 2]), np.empty((1, 0)))
    assert said in curve.reading


def test_ridge_begins_at_least_squares_and_the_lasso_drops_columns() -> None:
    table = split(load("diabetes"), 0)[0]
    ridge, lasso = regularisation(table, 0)
    scaled = StandardScaler().fit_transform(table.X)
    free = np.linalg.lstsq(scaled, table.y - table.y.mean(), rcond=None)[0]
    assert ridge.weights[0] == pytest.approx(free, rel=1e-2)
    sizes = np.linalg.norm(ridge.weights, axis=1)
    assert (np.diff(sizes) < 0).all() and (ridge.weights != 0).all()
    left = (lasso.weights != 0).sum(axis=1)
    assert left[0] == 10 and 0 < left[-1] < 5
    assert ridge.val.shape == (len(STRENGTHS), 5)


# Errors -----------------------------------------------------------------------------------------------


def test_slices_share_out_all_errors(wine: Table) -> None:
    tree = next(one for one in candidates(wine, 0) if one.name == "decision tree")
    found = out_of_fold(wine, tree, 0)
    assert np.mean(found == wine.y) == pytest.approx(compare(wine, [tree], 0)[0].mean, abs=0.01)
    parts = slices(wine, found, strangeness(wine, 0))
    whole = parts[0]
    assert (
        whole.rows == len(wine.y)
        and whole.error == pytest.approx(np.mean(found != wine.y))
        and whole.error > 0
    )
    for by in ("class", "colour intensity", "isolation forest"):
        here = [part for part in parts if part.by == by]
        assert sum(part.rows for part in here) == whole.rows
        assert sum(part.rows * part.error for part in here) == pytest.approx(whole.rows * whole.error)
    assert all(part.interval.low <= part.error <= part.interval.high for part in parts)
    for part in (part for part in parts if part.error == 0):
        z2 = 1.959964**2  # Wilson's upper end where none of n is wrong: z² / (n + z²)
        assert part.interval.high == pytest.approx(z2 / (part.rows + z2), rel=1e-5)


def test_a_row_unlike_all_others_is_the_strangest(wine: Table) -> None:
    X = wine.X.copy()  # noqa: N806
    X[17] = X.max(axis=0) * 3
    assert strangeness(replace(wine, X=X), 0).argmax() == 17


# The whole --------------------------------------------------------------------------------------------


def test_the_test_rows_are_told_by_a_model_of_all_development_rows(surveyed: Survey) -> None:
    development, test = split(load("wine"), 0)
    assert surveyed.table.digest() == development.digest() and surveyed.test_rows == len(test.y)
    chosen = next(one for one in candidates(development, 0) if one.name == surveyed.best.name)
    model = chosen.make().fit(development.X, development.y)
    confirmed = surveyed.confirmed
    assert confirmed is not None and confirmed.score == np.mean(model.predict(test.X) == test.y)
    assert confirmed.interval.low <= confirmed.score <= confirmed.interval.high
    assert surveyed.best.mean == max(score.mean for score in surveyed.scores)


def test_a_number_is_confirmed_by_the_variance_it_explains() -> None:
    development, test = split(load("diabetes"), 0)
    linear = next(one for one in candidates(development, 0) if one.name == "linear regression")
    found = confirm(development, test, linear, np.random.default_rng(0))
    design = np.c_[np.ones(len(development.y)), development.X]
    weights = np.linalg.lstsq(design, development.y, rcond=None)[0]
    rest = test.y - np.c_[np.ones(len(test.y)), test.X] @ weights
    assert found.score == pytest.approx(1 - (rest**2).sum() / ((test.y - test.y.mean()) ** 2).sum())
    assert found.interval.low < found.score < found.interval.high


def test_every_picture_shows_what_was_measured(surveyed: Survey) -> None:
    drawn = figures(surveyed)
    assert [axes.get_title() for axes in drawn["learning-curves"].axes] == [c.name for c in surveyed.curves]
    names = [label.get_text() for label in drawn["comparison"].axes[0].get_yticklabels()]
    assert names == [score.name for score in surveyed.scores]
    assert len(drawn["slices"].axes[0].get_yticklabels()) == len(surveyed.slices) - 1
    weights = drawn["regularisation"].axes[1].lines
    assert len(weights) == surveyed.look.columns
    assert np.array_equal(weights[3].get_ydata(), surveyed.paths[0].weights[:, 3])
    assert all(png(figure).startswith(b"\x89PNG") for figure in drawn.values())


def level4(*words: str) -> Result:
    return CliRunner().invoke(cli, ["level4", *words])


def test_the_command_records_a_run_with_a_child_for_each_baseline(tmp_path: Path) -> None:
    done = level4("baselines", "--data", "wine", "--json", "--out", str(tmp_path / "new"))
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["test"] is None and len(found["baselines"]) == 6 and len(found["curves"]) == 4
    assert len(list((tmp_path / "new").glob("*.png"))) == 5
    run = runs.find(found["run_id"])
    best_of = max(found["baselines"], key=lambda row: row["mean"])
    assert run["metrics"]["accuracy/val"] == pytest.approx(best_of["mean"])
    assert run["tags"]["opened"] == "development" and "accuracy/test" not in run["metrics"]
    client = store.prepare_store()
    kept = client.get_run(found["run_id"])
    children = client.search_runs(
        [kept.info.experiment_id], f"tags.`mlflow.parentRunId` = '{kept.info.run_id}'"
    )
    means = {child.info.run_name: child.data.metrics["accuracy/val"] for child in children}
    assert means == pytest.approx({row["name"]: row["mean"] for row in found["baselines"]})


def test_a_run_that_opened_the_test_rows_says_so(surveyed: Survey) -> None:
    run = runs.find(record_baselines(surveyed).id or "")
    confirmed = surveyed.confirmed
    assert confirmed and run["metrics"]["accuracy/test"] == pytest.approx(confirmed.score)
    assert run["tags"]["opened"] == "test"
    closed = told(replace(surveyed, confirmed=None))
    assert "Test, 36 rows" in told(surveyed) and "stay closed" not in told(surveyed)
    assert "The 36 test rows stay closed" in closed and "accuracy 0." not in closed
    assert surveyed.added.words in closed and all(curve.reading in closed for curve in surveyed.curves)


def test_the_perceptron_s_command_records_its_curve_and_pictures(tmp_path: Path) -> None:
    done = level4("autograd", "--steps", "12", "--json", "--out", str(tmp_path / "new"))
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["expression"][-1]["value"] == "loss" and found["expression"][-1]["grad"] == 1.0
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == ["boundary.png", "graph.svg"]
    run = runs.find(found["run_id"])
    assert run["metrics"]["accuracy/val"] == found["accuracy"]["val"]
    assert run["metrics"]["loss/train"] == pytest.approx(found["loss"]) and run["params"]["steps"] == "12"


@pytest.mark.parametrize(
    "wrong",
    [
        ("baselines", "--data", "iris"),
        ("autograd", "--steps", "0"),
        ("autograd", "--lr", "-1"),
        ("autograd", "--lr", "nan"),
    ],
)
def test_what_cannot_be_is_a_usage_error(wrong: tuple[str, ...]) -> None:
    done = level4(*wrong)
    assert done.exit_code == 2 and "Traceback" not in done.stderr
