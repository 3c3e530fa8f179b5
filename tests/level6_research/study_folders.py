"""Studies for the tests of level 6, each in a folder of its own: no training, a few milliseconds a trial."""

from __future__ import annotations

from pathlib import Path

PLAN = """\
question: Is b better than a?
hypothesis: It is.
metric: {name: score, direction: higher, rope: 0.5}
arms:
  a: {}
  b: {lift: 3}
seeds: [0, 1, 2]
config: {lift: 0, pause: 0.0}
"""

CODE = '''\
"""A trial without training: a number that the seed and the arm decide."""
import time


def run(config, seed, report):
    for step in range(3):
        report(step, {"score/so_far": step + seed})
        time.sleep(config["pause"])
    return {"score": 10 + seed + config["lift"] + 0.1 * seed * config["lift"]}
'''


def make(folder: Path, plan: str = PLAN, code: str = CODE) -> Path:
    """Write a study into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.yaml").write_text(plan, encoding="utf-8")
    (folder / "study.py").write_text(code, encoding="utf-8")
    return folder
