"""Many files: each asked for once, whatever stops the batch in between."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from scripted_server import Reply, Script, error, serving

from level1_api import batch as module
from level1_api.batch import batch, cache_file, cache_key, recall
from level1_api.chunks import flac
from level1_api.transcribe import Options
from shared.errors import BadUsage, LadderError

GPT = Options(provider="openai", model="gpt-transcribe")


def clip(path: Path, seed: int) -> Path:
    """A second of noise, different for each seed."""
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(flac(np.random.default_rng(seed).integers(-999, 999, 16_000, dtype=np.int16)))
    return path


@pytest.fixture
def clips(tmp_path):
    return [clip(tmp_path / "talks" / f"{n}.flac", n) for n in range(6)]


def by_name() -> Script:
    """Answers with the file's own name."""
    return Script(answer=lambda request: Reply(body={"text": request.filename}))


def test_results_come_in_the_order_of_the_files(clips, own_home):
    script, seen = by_name(), []
    with serving(script) as client:
        found = batch(
            clips, GPT, client=client, at_once=3, on_done=lambda o, n, of: seen.append((o.path, n, of))
        )
    assert [o.path for o in found] == clips
    assert [o.result.transcript.text for o in found] == [p.name for p in clips]
    assert [(n, of) for _, n, of in seen] == [(n, 6) for n in range(1, 7)]
    assert {p for p, *_ in seen} == set(clips)


def test_a_second_batch_asks_for_nothing_a_third_only_for_what_is_new(clips, own_home, tmp_path):
    script = by_name()
    with serving(script) as client:
        first = batch(clips, GPT, client=client)
        again = batch(clips, GPT, client=client)
        assert len(script.requests) == 6
        assert [o.result.cached for o in first] == [False] * 6
        assert [o.result.cached for o in again] == [True] * 6
        new = clip(tmp_path / "new.flac", 77)
        batch([*clips, new], GPT, client=client)
    assert [r.filename for r in script.requests[6:]] == ["new.flac"]
    same = {"cached", "peak_rss_mb"}
    assert [o.result.model_dump(exclude=same) for o in first] == [
        o.result.model_dump(exclude=same) for o in again
    ]


def test_the_same_content_is_asked_for_once_and_keeps_each_name(clips, own_home, tmp_path):
    copy = tmp_path / "copy of 0.flac"
    copy.write_bytes(clips[0].read_bytes())
    script = by_name()
    with serving(script) as client:
        found = batch([clips[0], clips[1], copy, clips[0]], GPT, client=client)
    assert len(script.requests) == 2
    assert [o.result.name for o in found] == ["0.flac", "1.flac", "copy of 0.flac", "0.flac"]
    assert [o.result.cached for o in found] == [False, False, True, True]


@pytest.mark.parametrize(
    "other",
    [
        {"model": "whisper-tiny"}, {"language": "en"}, {"prompt": "x"}, {"temperature": 0.5},
        {"words": True}, {"chunk_s": 300}, {"overlap_s": 1}, {"vad": False},
    ],
    ids=lambda o: next(iter(o)),
)  # fmt: skip
def test_every_setting_that_shapes_the_answer_is_part_of_the_key(clips, other):
    local = Options(model="pocketsphinx", provider="local")
    assert cache_key(clips[0], replace(local, **other), "local") != cache_key(clips[0], local, "local")


def test_another_format_is_rendered_from_the_answer_that_is_there(clips, own_home):
    times = Reply(body={"text": "one", "segments": [{"id": 0, "start": 0, "end": 1, "text": "one"}]})
    script = Script(answer=lambda request: times)
    text = Options(model="whisper-1", provider="openai", format="text")
    with serving(script) as client:
        batch(clips[:1], text, client=client)
        (srt,) = batch(clips[:1], replace(text, format="srt"), client=client)
    assert len(script.requests) == 1
    assert srt.result.cached and srt.result.output == "srt"
    assert srt.result.render().startswith("1\n00:00:00,000 --> 00:00:01,000\none")


def test_content_and_place_are_part_of_the_key_the_name_is_not(clips, tmp_path):
    moved = tmp_path / "moved.flac"
    moved.write_bytes(clips[0].read_bytes())
    assert cache_key(moved, GPT, "a") == cache_key(clips[0], GPT, "a")
    assert cache_key(clips[1], GPT, "a") != cache_key(clips[0], GPT, "a")
    assert cache_key(clips[0], GPT, "b") != cache_key(clips[0], GPT, "a")


def test_a_new_version_of_the_code_asks_again(clips, monkeypatch):
    before = cache_key(clips[0], GPT, "a")
    monkeypatch.setattr(module, "CACHE_VERSION", module.CACHE_VERSION + 1)
    assert cache_key(clips[0], GPT, "a") != before


def test_files_that_fail_do_not_stop_the_others_and_are_not_kept(clips, own_home, tmp_path):
    broken = tmp_path / "broken.mp3"
    broken.write_text("no sound here")
    refuse = {"2.flac"}

    def answer(request):
        return error(400, "I do not like it") if request.filename in refuse else Reply(body={"text": "fine"})

    script = Script(answer=answer)
    paths = [clips[1], broken, clips[2], tmp_path / "gone.wav", tmp_path, clips[3]]
    with serving(script) as client:
        found = batch(paths, GPT, client=client)
        assert [o.result is not None for o in found] == [True, False, False, False, False, True]
        for outcome, sentence in zip(
            found[1:5], ["not audio", "do not like", r"gone\.wav", "folder|directory"], strict=True
        ):
            with pytest.raises(LadderError, match=sentence):
                raise outcome.error
        refuse.clear()
        again = batch(paths, GPT, client=client)
    assert again[2].result.transcript.text == "fine" and not again[2].result.cached


def test_no_more_at_once_than_allowed(clips, own_home):
    lock, both = threading.Lock(), threading.Barrier(2, timeout=20)
    now, most = 0, 0

    def answer(request):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        both.wait()  # passes only if two are here together
        with lock:
            now -= 1
        return Reply(body={"text": "x"})

    with serving(Script(answer=answer)) as client:
        found = batch(clips, GPT, client=client, at_once=2)
    assert most == 2 and all(o.result for o in found)


@pytest.mark.parametrize("damage", [b"", b"{", b'{"text": "a"}', b"\xff\xfe\x00"])
def test_a_damaged_entry_is_asked_for_again(clips, own_home, damage):
    script = by_name()
    with serving(script) as client:
        batch(clips[:1], GPT, client=client)
        [entry] = (own_home / "cache" / "level1").rglob("*.json")
        entry.write_bytes(damage)
        found = batch(clips[:1], GPT, client=client)
    assert found[0].result.transcript.text == "0.flac" and len(script.requests) == 2
    assert json.loads(entry.read_bytes())["transcript"]["text"] == "0.flac"


def test_wrong_options_stop_the_batch_before_anything_is_sent(clips, own_home):
    script = by_name()
    with serving(script) as client, pytest.raises(BadUsage, match="docx"):
        batch(clips, replace(GPT, format="docx"), client=client)
    assert script.requests == []


def test_no_files_is_no_work(own_home):
    with serving(by_name()) as client:
        assert batch([], GPT, client=client) == []


PROGRAM = """
import sys
from level1_api.batch import batch
from level1_api.transcribe import Options
done = batch(sys.argv[1:], Options(provider="openai", model="gpt-transcribe"), at_once=2,
             on_done=lambda o, n, of: print(o.path.name, flush=True))
"""


def environment(url: str, home: Path) -> dict[str, str]:
    return os.environ | {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "x", "LADDER_HOME": str(home)}


@pytest.mark.skipif(sys.platform == "win32", reason="signals are of POSIX")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_a_batch_that_is_stopped_goes_on_where_it_was(clips, own_home, ending):
    """The service holds back two answers; the batch is stopped while it waits for them."""
    held = {"2.flac", "3.flac"}
    release, waiting = threading.Event(), threading.Semaphore(0)

    def answer(request):
        if request.filename in held:
            waiting.release()
            release.wait(240)
        return Reply(body={"text": request.filename})

    script = Script(answer=answer)
    with serving(script) as client:
        command = [sys.executable, "-c", PROGRAM, *map(str, clips)]
        program = subprocess.Popen(
            command, env=environment(str(client.base_url), own_home), stdout=subprocess.PIPE, text=True
        )
        assert waiting.acquire(timeout=60) and waiting.acquire(timeout=60)
        program.send_signal(ending)
        printed, _ = program.communicate(timeout=60)  # long before the service would answer
        assert program.returncode != 0
        assert printed.split() == ["0.flac", "1.flac"] or printed.split() == ["1.flac", "0.flac"]

        key = cache_key(clips[0], replace(GPT, format="text"), str(client.base_url))
        assert recall(key).transcript.text == "0.flac" and cache_file(key).is_file()
        held.clear()
        release.set()
        before = len(script.requests)
        found = batch(clips, GPT, client=client)
    assert sorted(r.filename for r in script.requests[before:]) == ["2.flac", "3.flac", "4.flac", "5.flac"]
    assert [o.result.transcript.text for o in found] == [p.name for p in clips]
    assert [o.result.cached for o in found] == [True, True, False, False, False, False]
