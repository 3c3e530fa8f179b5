"""An exported network says what torch says, carries its own story, and is measured beside its other forms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from onnxruntime import InferenceSession
from torch import Tensor, nn

from level4_build import export, inference, weights
from level4_build.export import Exported
from level4_build.scenes import CLASSES
from level4_build.trainer import TrainConfig, evaluate, fit
from level4_build.unet import UNetConfig
from level4_build.weights import Trained
from shared import runs, store
from shared.cli import cli
from shared.errors import LadderError

CONFIG = TrainConfig(
    steps=30, batch=8, size=16, train_count=64, val_count=24, lr=1e-2, warmup=2, eval_every=30,
    model=UNetConfig(widths=(4, 8), transformer_layers=1, heads=2),
)  # fmt: skip


@pytest.fixture(scope="module")
def trained() -> Trained:
    done = fit(CONFIG)
    assert done.macro_iou > 0.2, "it knows something, so that classes differ"
    return Trained(done.model, CONFIG, done.steps, done.macro_iou, done.iou, run_id="f" * 32)


@pytest.fixture(scope="module")
def exported(trained: Trained) -> Exported:
    return export.to_onnx(trained)


@pytest.fixture
def home_of_its_own(own_home: Path) -> Iterator[Path]:
    store.forget()
    yield own_home
    store.forget()


def pictures(batch: int, height: int, width: int) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("size", [(1, 16, 16), (2, 9, 8), (3, 31, 45)])
def test_the_file_alone_says_what_torch_says(
    trained: Trained, exported: Exported, size: tuple[int, int, int], tmp_path: Path
) -> None:
    file = export.write(exported, tmp_path / "new" / "net.onnx")
    session = InferenceSession(file, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"images": pictures(*size).numpy()})
    with torch.no_grad():
        wanted = trained.model(pictures(*size)).numpy()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4)


def test_the_parity_that_is_told_is_the_one_there_is(trained: Trained, exported: Exported) -> None:
    assert [tuple(each[:3]) for each in exported.parity] == list(export.SIZES)
    assert all(0 < each.difference <= export.TOLERANCE for each in exported.parity)
    assert len({size[0] for size in export.SIZES}) > 1 and any(h != w for _, h, w in export.SIZES)


def test_a_file_of_other_weights_is_refused(trained: Trained, exported: Exported) -> None:
    other = fit(replace(CONFIG, seed=1, steps=1)).model
    with pytest.raises(LadderError) as told:
        list(export.compare(other, exported.data))
    assert "differs from torch by" in str(told.value) and "Nothing was written" in str(told.value)


def test_a_network_that_has_become_nan_is_not_exported(exported: Exported) -> None:
    broken = fit(replace(CONFIG, steps=1)).model
    with torch.no_grad():
        next(broken.parameters()).fill_(torch.nan)
    with pytest.raises(LadderError, match="differs from torch by nan"):
        list(export.compare(broken, exported.data))


def test_the_file_tells_its_own_story(trained: Trained, exported: Exported) -> None:
    proto = onnx.load_from_string(exported.data)
    onnx.checker.check_model(proto, full_check=True)
    told = {each.key: each.value for each in proto.metadata_props}
    assert json.loads(told["classes"]) == list(CLASSES) and told["run_id"] == "f" * 32
    assert told["size"] == "16" and told["numbers"] == "float32"
    assert told["weights_sha256"] == export.digest(trained.model)
    given, back = proto.graph.input[0], proto.graph.output[0]
    assert (given.name, back.name) == ("images", "scores")
    named = [each.dim_param for each in given.type.tensor_type.shape.dim]
    assert [named[0], named[2], named[3]] == ["batch", "height", "width"]


def test_the_digest_is_of_the_weights() -> None:
    one, same = nn.Linear(2, 2), nn.Linear(2, 2)
    same.load_state_dict(one.state_dict())
    assert export.digest(one) == export.digest(same)
    with torch.no_grad():
        same.bias[0] += 1e-3
    assert export.digest(one) != export.digest(same)


def test_in_8_bits_it_mostly_says_the_same(trained: Trained, exported: Exported) -> None:
    small = export.to_int8(exported, trained)
    types = {each.data_type for each in onnx.load_from_string(small.data).graph.initializer}
    assert onnx.TensorProto.INT8 in types, "weights are in 8 bits"
    assert small.metadata == exported.metadata | {"numbers": "int8"} and not small.parity
    images, _ = export.scenes(trained, "val", export.COMPARED)
    (found,) = export.opened(small.data).run(None, {"images": images.numpy()})
    with torch.no_grad():
        wanted = trained.model(images).numpy()
    assert small.agreement == pytest.approx((found.argmax(1) == wanted.argmax(1)).mean())
    assert 0.9 < small.agreement <= 1


def test_it_is_whole_or_not_there(exported: Exported, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(LadderError, match="cannot be written"):
        export.write(exported, tmp_path / "taken" / "net.onnx")


def test_each_form_is_timed_on_what_it_is_scored_on(trained: Trained, exported: Exported) -> None:
    shares: list[float] = []
    measured = inference.measure(trained, exported, shares.append, rounds=2, most=12)
    assert [each.variant for each in measured] == list(inference.VARIANTS)
    assert shares == sorted(shares) and shares[-1] == 1
    first_12 = evaluate(trained.model, CONFIG.task(), "val", 12).macro_iou
    whole, half, in_onnx, in_8_bits = measured
    assert whole.macro_iou == pytest.approx(first_12) == in_onnx.macro_iou
    assert half.macro_iou == pytest.approx(first_12, abs=0.05) and half.macro_iou != 0
    for each in measured:
        assert len(each.seconds) == 24 and 0 < each.p50_ms <= each.p95_ms
        assert each.p50_ms == pytest.approx(sorted(each.seconds)[12] * 1e3, rel=0.5)
        assert 20 < each.libraries_mb <= each.peak_rss_mb
    assert half.file_mb < whole.file_mb and in_8_bits.macro_iou > 0
    assert in_onnx.libraries_mb < whole.libraries_mb, "its process knows nothing of torch"


def test_a_process_that_dies_is_a_sentence(trained: Trained, exported: Exported, tmp_path: Path) -> None:
    file = tmp_path / "broken.onnx"
    file.write_bytes(b"no network")
    np.save(tmp_path / "pictures.npy", np.zeros((1, 3, 8, 8), np.float32))
    worker = inference._Worker(inference.VARIANTS[2], file, tmp_path)
    with pytest.raises(LadderError, match="ONNX float32 ended by itself"), worker:
        worker.await_ready()
    assert worker.process.poll() is not None


@pytest.mark.slow
def test_the_command_exports_the_last_network_and_records_it(
    home_of_its_own: Path, trained: Trained, tmp_path: Path
) -> None:
    none_yet = CliRunner().invoke(cli, ["level4", "export"])
    assert none_yet.exit_code == 1 and "ladder level4 train" in none_yet.stderr
    weights.save(weights.pack(trained, trained.run_id))
    file = tmp_path / "net.onnx"
    done = CliRunner().invoke(cli, ["level4", "export", "--out", str(file), "--json"])
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["file"] == str(file) and told["bytes"] == file.stat().st_size and len(told["parity"]) == 4
    run = runs.find(told["run_id"])
    assert run["metrics"]["parity"] == max(each["difference"] for each in told["parity"])
    assert run["params"]["model_run"] == trained.run_id
