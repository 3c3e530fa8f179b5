"""`ladder level3 …` as it is typed: results on stdout, the rest on stderr, and no traceback."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from level3_modify import variants
from level3_modify.slim import changed
from level3_modify.variants import VARIANTS, find
from shared import runs
from shared.cli import cli
from shared.encoder import Encoder

LADDER = [sys.executable, "-m", "shared.cli"]
README = Path(variants.__file__).with_name("README.md")


def level3(*words: str) -> Result:
    return CliRunner().invoke(cli, ["level3", *words])


def test_slim_prints_a_table_its_sentences_and_the_run(tmp_path: Path) -> None:
    done = level3("slim", "--variants", "bf16", "--rounds", "1", "--out", str(tmp_path / "new"))
    assert done.exit_code == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.strip()]
    assert [row[0] for row in rows if row[0] in VARIANTS] == ["fp32", "bf16"]
    assert re.search(r"^  bf16: 50% smaller, .* agree with the reference's to 1\.0000", done.stdout, re.M)
    *_, link = done.stderr.splitlines()
    assert link.startswith("Run: http://127.0.0.1") and "1 rounds" not in done.stderr
    kept = json.loads((tmp_path / "new" / "slim.json").read_text())
    assert [v["variant"] for v in kept["variants"]] == ["fp32", "bf16"]
    assert (tmp_path / "new" / "slim.png").read_bytes().startswith(b"\x89PNG")
    assert runs.find(link.split("/runs/")[1].split()[0])["tags"]["source"] == "command"


def test_json_is_all_that_stdout_holds() -> None:
    done = level3("slim", "--variants", "layers-3-first", "--rounds", "1", "--json")
    told = json.loads(done.stdout)
    assert told["url"].endswith(told["run_id"])
    assert told["variants"][1]["cosine_mean"] < 0.6 < told["variants"][0]["cosine_mean"]


def test_an_unknown_variant_is_bad_usage() -> None:
    done = level3("slim", "--variants", "bf16,int4")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "no variant 'int4'" in done.stderr and "int8-channel" in done.stderr


def test_a_folder_that_cannot_be_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = level3("slim", "--out", str(tmp_path / "file" / "inside"))
    assert done.exit_code == 1 and "cannot be written" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="sends a SIGINT")
def test_ctrl_c_leaves_nothing_half_done(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("level3", "slim", "--rounds", "10000", "--out", str(out))
    with subprocess.Popen(
        [*LADDER, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 60
        while not out.exists() and time.monotonic() < deadline:  # made right before the work
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        try:
            stdout, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, stdout) == (130, "")
    assert "Stopped: nothing is kept" in errors and "Traceback" not in errors
    assert list(out.iterdir()) == []


def test_variants_are_listed() -> None:
    rows = json.loads(level3("variants", "--json").stdout)
    assert [row["variant"] for row in rows] == list(VARIANTS)
    assert all(row["changes"] and row["tensors"] and row["seam"] for row in rows)
    shown = level3("variants").stdout
    assert all(name in shown for name in VARIANTS)


# save ------------------------------------------------------------------------------------------------

TEXTS = ["The gate is shut when the tide comes in.", "Who wrote the first program?"]


@pytest.mark.parametrize(("name", "off"), [("layers-4", 1e-6), ("bf16", 0.01)])
def test_a_saved_encoder_is_read_by_load_and_gives_the_same_vectors(
    tmp_path: Path, name: str, off: float
) -> None:
    """bf16 is read back into 32 bits: the weights are the rounded ones, the arithmetic is exact again."""
    done = level3("save", name, "--out", str(tmp_path / "deep" / "small"))
    assert done.exit_code == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert folder == tmp_path / "deep" / "small"
    assert [p.name for p in folder.parent.iterdir()] == ["small"], "nothing is left beside it"
    loaded, ours = Encoder.load(folder).encode(TEXTS), changed(Encoder.load(), find(name)).encode(TEXTS)
    assert np.abs(loaded - ours).max() < off
    size = sum(f.stat().st_size for f in folder.glob("*.safetensors")) / 1e6
    assert size == pytest.approx({"layers-4": 76.7, "bf16": 45.4}[name], abs=0.1)


@pytest.mark.parametrize(
    ("name", "said"), [("int8-channel", "safetensors does not hold"), ("int4", "no variant 'int4'")]
)
def test_what_cannot_be_saved_is_told(tmp_path: Path, name: str, said: str) -> None:
    done = level3("save", name, "--out", str(tmp_path / "small"))
    assert done.exit_code == 2 and said in done.stderr
    assert not (tmp_path / "small").exists()


def test_by_default_an_encoder_is_kept_in_the_home_and_its_line_loads_it(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    done = level3("save", "layers-3-spread")
    folder = own_home / "models" / "all-minilm-l6-v2-layers-3-spread"
    assert (done.exit_code, done.stdout.strip()) == (0, str(folder))
    (line,) = re.findall(r'Encoder\.load\(Path\("(.*)"\)\)', done.stderr)
    assert len(Encoder.load(Path(line)).model.encoder.layer) == 3
    assert list(here.iterdir()) == []


def test_a_folder_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    done = level3("save", "bf16", "--out", str(tmp_path))
    assert done.exit_code == 2 and "is there already" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["kept.txt"]


# The lesson ------------------------------------------------------------------------------------------


def test_the_lessons_own_variant_does_what_the_lesson_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The experiment with the table of embeddings, typed as the README has it."""
    from textwrap import dedent

    from level3_modify.quality import agreement
    from level3_modify.size import measure

    monkeypatch.setattr(variants, "VARIANTS", dict(VARIANTS))
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    exec(dedent(code), vars(variants).copy() | {"VARIANTS": variants.VARIANTS})
    encoder = Encoder.load()
    exact = encoder.encode(TEXTS)
    both = {name: changed(encoder, find(name)) for name in ("int8-channel", "int8-all")}
    assert measure(both["int8-all"].model).mb < 25 < 55 < measure(both["int8-channel"].model).mb
    cosines = {name: agreement(one.encode(TEXTS), exact).mean for name, one in both.items()}
    assert cosines["int8-channel"] - cosines["int8-all"] < 0.01
