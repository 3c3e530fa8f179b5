"""One file to text: against the real service where it works, against a scripted server where it fails."""

import contextlib
import io
import json
import time
from dataclasses import replace
from email.utils import formatdate
from itertools import pairwise
from threading import Event

import openai
import pytest
from scripted_server import Reply, Script, error, serving

from level1_api import retry
from level1_api.audio import read
from level1_api.call import upload_name
from level1_api.samples import sample
from level1_api.score import score
from level1_api.transcribe import Options, snippet, transcribe
from shared.errors import BadUsage, LadderError

CLIP = sample("greeting").path
GPT = Options(provider="openai", model="gpt-transcribe")
WHISPER = Options(provider="openai", model="whisper-1", format="srt", words=True)
HELLO = Reply(body={"text": "hello", "usage": {"type": "tokens", "input_tokens": 3, "output_tokens": 1}})


@pytest.fixture(scope="module")
def local():
    """The real service, started as `ladder level1` would, ended with this module."""
    from shared import servers
    from shared.clients import openai_client

    yield openai_client("local")
    servers.stop(servers.service())


@pytest.fixture
def no_waits(monkeypatch):
    """Waits that nobody asked for take no time; those that a server asks for are kept."""
    monkeypatch.setattr(retry, "_grow", lambda state: 0)


# The real service ------------------------------------------------------------------------------------


def test_a_clip_becomes_text_words_segments_and_spans(local):
    clip = sample("harbour")
    result = transcribe(clip.path, Options(provider="local", words=True), client=local)
    assert score(clip.text, result.transcript.text).wer < 0.5
    assert (result.engine, result.pieces, result.cost_usd) == ("pocketsphinx", 1, 0)
    assert result.endpoint == str(local.base_url).rstrip("/")
    assert result.audio_s == pytest.approx(clip.seconds, abs=0.1)
    assert result.rtf == pytest.approx(result.wall_s / result.audio_s)
    assert len(result.transcript.words) == len(result.transcript.text.split())
    assert all(0 <= w.probability <= 1 for w in result.transcript.words)
    assert [s.name for s in result.spans] == ["decode", "vad", "chunk", "model[0]", "merge"]
    assert all(a.end_ns <= b.start_ns for a, b in pairwise(result.spans))
    model = result.spans[3]
    assert {"queue", "decode", "vad", "model"} <= {step.name for step in model.inside}
    assert all(a.end_ns <= b.start_ns for a, b in pairwise(model.inside))
    assert model.start_ns <= model.inside[0].start_ns and model.inside[-1].end_ns <= model.end_ns
    assert result.answers[0]["text"] == result.transcript.text
    assert json.loads(result.render("verbose_json"))["segments"]


@pytest.mark.parametrize(
    ("name", "chunk_s"), [("station", 8), pytest.param("ladder", 25, marks=pytest.mark.slow)]
)
def test_a_clip_in_pieces_is_heard_as_well_as_in_one(local, name, chunk_s):
    clip = sample(name)
    options = Options(provider="local", chunk_s=chunk_s)
    shares: list[float] = []
    result = transcribe(clip.path, options, client=local, on_progress=shares.append)
    whole = transcribe(clip.path, replace(options, chunk_s=600), client=local)
    assert result.pieces == len(result.answers) == len(shares) > 2 and whole.pieces == 1
    assert shares == sorted(shares) and shares[-1] == 1
    ours, theirs = (score(clip.text, r.transcript.text) for r in (result, whole))
    assert ours.wer < theirs.wer + 0.08
    assert ours.insertions <= theirs.insertions + result.pieces
    transcript = result.transcript
    assert transcript.text == " ".join(s.text.strip() for s in transcript.segments)
    assert [s.id for s in transcript.segments] == list(range(len(transcript.segments)))
    starts = [w.start for w in transcript.words]
    assert starts == sorted(starts) and transcript.words[-1].end <= clip.seconds + 0.1
    assert transcript.usage.seconds >= clip.seconds
    assert any("in pieces of at most" in note for note in result.notes)


def test_text_streams_and_is_the_same_in_the_end(local):
    deltas: list[str] = []
    options = Options(provider="local", stream=True)
    result = transcribe(sample("harbour").path, options, client=local, on_delta=deltas.append)
    assert "".join(deltas).strip() == result.transcript.text.strip()
    assert len(result.transcript.text.split()) > 20
    assert result.engine == "pocketsphinx"


def test_silence_is_no_text(local):
    result = transcribe(
        sample("silence").path, Options(provider="local", format="verbose_json"), client=local
    )
    assert (result.transcript.text, result.transcript.segments) == ("", [])


def test_bytes_under_any_name(local):
    data = sample("bridge").path.read_bytes()
    result = transcribe(data, Options(provider="local"), name="recording", client=local)
    assert result.name == "recording"
    assert score(sample("bridge").text, result.transcript.text).wer < 0.8


def test_the_snippet_runs_and_says_the_same(local, tmp_path):
    for options in (
        Options(provider="local", words=True, prompt='say "please"', vad=True),
        Options(provider="local", stream=True),
    ):
        code = snippet(options, str(CLIP), base_url=str(local.base_url))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "snippet", "exec"), {})
        assert printed.getvalue().strip() == transcribe(CLIP, options, client=local).transcript.text.strip()


def test_an_unknown_local_model_is_refused_in_a_sentence(local):
    with pytest.raises(LadderError, match="nonsense") as caught:
        transcribe(CLIP, Options(provider="local", model="nonsense"), client=local)
    assert "ladder models" in caught.value.fix


# What goes over the wire -----------------------------------------------------------------------------


def test_a_short_file_goes_up_as_it_is():
    script = Script(HELLO)
    with serving(script) as client:
        transcribe(CLIP, replace(GPT, language="en", temperature=0.0, prompt="harbour"), client=client)
    sent = script.requests[0]
    assert (sent.path, sent.filename) == ("/v1/audio/transcriptions", CLIP.name)
    assert sent.file == CLIP.read_bytes()
    assert sent.fields == {
        "model": ["gpt-transcribe"], "response_format": ["json"], "language": ["en"], "temperature": ["0.0"],
        "prompt": ["harbour"],
    }  # fmt: skip


def test_pieces_go_up_as_flac_in_order_and_cover_the_file():
    script = Script(HELLO)
    with serving(script) as client:
        result = transcribe(sample("ladder").path, replace(GPT, chunk_s=60), client=client)
    pieces = [read(sent.file, name=sent.filename) for sent in script.requests]
    assert [p.name for p in pieces] == [f"ladder-{n:03d}.flac" for n in range(len(pieces))]
    assert all(p.container == "flac" and p.seconds <= 60 for p in pieces)
    overlaps = 2 * (len(pieces) - 1)
    assert sum(p.seconds for p in pieces) == pytest.approx(result.audio_s + overlaps, abs=0.01)
    names = [s.name for s in result.spans]
    assert names[:4] == ["decode", "vad", "chunk", "model[0]"] and names[-1] == "merge"


def test_the_local_switch_goes_over_the_wire():
    script = Script(HELLO)
    with serving(script) as client:
        transcribe(CLIP, Options(provider="local", vad=False, words=True), client=client)
    assert script.requests[0].fields["vad"] == ["false"]
    assert script.requests[0].fields["timestamp_granularities[]"] == ["segment", "word"]


def test_the_name_tells_the_format_where_the_file_did_not():
    ogg = sample("harbour").path.read_bytes()
    assert upload_name(read(ogg, name="voice.ogg")) == "voice.ogg"
    assert upload_name(read(ogg, name="voice")) == "voice.ogg"
    assert upload_name(read(sample("bridge").path.read_bytes(), name="recording")) == "recording.webm"
    assert upload_name(read(sample("greeting").path.read_bytes(), name="a.opus")) == "a.mp3"


# What models that lack something give ----------------------------------------------------------------


def test_a_text_model_gives_text_a_note_and_no_invented_times():
    said: list[str] = []
    with serving(Script(HELLO)) as client:
        result = transcribe(CLIP, replace(GPT, format="srt"), client=client, say=said.append)
    assert result.render() == "hello" and result.output == "text"
    assert (result.transcript.segments, result.transcript.words, result.transcript.usage) == (
        None,
        None,
        None,
    )
    assert result.answers == [HELLO.body]  # the tokens that were billed are still there
    assert result.notes == said and "no subtitles" in said[0]
    assert result.cost_usd is None
    with pytest.raises(LadderError, match="no times"):
        result.render("srt")


def test_whisper_answers_become_subtitles_and_a_price():
    body = {
        "task": "transcribe", "language": "english", "duration": "5.5", "text": "hello there",
        "words": [{"word": "hello", "start": 0.1, "end": 0.5}, {"word": "there", "start": 0.6, "end": 1}],
        "segments": [{
            "id": 0, "seek": 0, "start": 0.1, "end": 1, "text": " hello there", "tokens": [1, 2],
            "temperature": 0, "avg_logprob": -0.2, "compression_ratio": 0.8, "no_speech_prob": 0.01,
        }],
        "usage": {"type": "duration", "seconds": 6},
    }  # fmt: skip
    with serving(Script(Reply(body=body))) as client:
        result = transcribe(CLIP, WHISPER, client=client)
    assert "hello there" in result.render() and "-->" in result.render()
    assert result.cost_usd == pytest.approx(0.006 * result.audio_s / 60)
    assert result.transcript.language == "english" and result.transcript.usage.seconds == 6
    assert result.engine == "whisper-1"


# Streams ---------------------------------------------------------------------------------------------

DELTAS = [{"type": "transcript.text.delta", "delta": d} for d in ("good ", "morning")]
DONE = {"type": "transcript.text.done", "text": "good morning"}
STREAM = replace(GPT, stream=True)


@pytest.mark.parametrize("last", [DONE, {**DONE, "text": ""}], ids=["whole", "some servers leave it empty"])
def test_a_stream_is_heard_as_it_comes(last):
    deltas: list[str] = []
    with serving(Script(Reply(events=[*DELTAS, last, "[DONE]"]))) as client:
        result = transcribe(CLIP, STREAM, client=client, on_delta=deltas.append)
    assert deltas == ["good ", "morning"] and result.transcript.text == "good morning"


def test_a_stream_that_breaks_off_is_not_taken_for_a_transcript():
    script = Script(Reply(events=DELTAS))
    with serving(script) as client, pytest.raises(LadderError, match="good morning”") as caught:
        transcribe(CLIP, STREAM, client=client)
    assert caught.value.fix and len(script.requests) == 1


def test_an_error_inside_a_stream_is_said():
    script = Script(Reply(events=[{"error": {"message": "the engine burst", "code": "x"}}]))
    with serving(script) as client, pytest.raises(LadderError, match="the engine burst"):
        transcribe(CLIP, STREAM, client=client)


# What fails, and what is tried again -----------------------------------------------------------------


@pytest.mark.parametrize("first", [error(500), error(503), error(429), Reply(hang_up=True)])
def test_what_may_pass_is_tried_again_and_said(first, no_waits):
    script, said = Script(first, first, HELLO), []
    with serving(script) as client:
        result = transcribe(CLIP, GPT, client=client, say=said.append)
    assert result.transcript.text == "hello"
    assert len(script.requests) == 3 and all(sent.file == CLIP.read_bytes() for sent in script.requests)
    assert [line.split(": ")[1] for line in said] == ["attempt 2 of 5 in 0.0 s.", "attempt 3 of 5 in 0.0 s."]


@pytest.mark.parametrize(
    ("reply", "sentence", "way_out"),
    [
        (error(400, "This file is strange."), "refused greeting.mp3: This file is strange.", "Mend"),
        (error(401, "Incorrect API key provided: sk-very-secret"), "refused the key", "OPENAI_API_KEY"),
        (error(403, "not yours"), "gpt-transcribe: not yours", "another model"),
        (error(404, "no such model"), "no speech model gpt-transcribe", "ladder models"),
        (error(413, "too big"), "greeting.mp3 is too large", "--chunk"),
        (error(429, "pay first", "insufficient_quota"), "no credit left", "credit"),
        (error(429, "later", retry_after="3600"), "asks to wait 3600 s", "after that"),
        (Reply(body=b"<html>login</html>"), "did not answer with a transcript", "/v1"),
        (Reply(body={"greeting": "hi"}), "did not answer with a transcript", "/v1"),
        (Reply(body=["text"]), "did not answer with a transcript", "/v1"),
        (Reply(400, b"<html>bad</html>"), "refused greeting.mp3", "Mend"),
    ],
)
def test_what_would_fail_again_fails_at_once_with_a_way_out(reply, sentence, way_out):
    script = Script(reply)
    with serving(script) as client, pytest.raises(LadderError, match=sentence) as caught:
        transcribe(CLIP, GPT, client=client)
    assert len(script.requests) == 1
    assert way_out in caught.value.fix
    assert "secret" not in str(caught.value) and "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (error(429), "still busy"),
        (error(500, "it broke"), "it broke"),
        (Reply(hang_up=True), "cannot be reached"),
    ],
)
def test_it_gives_up_after_five_attempts(reply, sentence, no_waits):
    script = Script(reply)
    with serving(script) as client, pytest.raises(LadderError, match=sentence):
        transcribe(CLIP, GPT, client=client)
    assert len(script.requests) == retry.ATTEMPTS == 5


def test_a_host_that_is_not_there(no_waits):
    client = openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="x")
    with pytest.raises(LadderError, match=r"127\.0\.0\.1:9 cannot be reached"):
        transcribe(CLIP, GPT, client=client)


def test_a_server_that_says_when_is_believed():
    script, said = Script(error(429, retry_after="0.3"), HELLO), []
    with serving(script) as client:
        transcribe(CLIP, GPT, client=client, say=said.append)
    assert said == ["The service is busy (429): attempt 2 of 5 in 0.3 s."]


def told(value: str) -> float | None:
    response = openai.DefaultHttpxClient().build_request("GET", "http://x")
    failure = openai.RateLimitError("busy", response=type("R", (), {
        "headers": {"retry-after": value}, "request": response, "status_code": 429,
    })(), body=None)  # fmt: skip
    return retry.told_wait_s(failure)


def test_retry_after_in_all_its_spellings():
    assert told("2") == 2 and told("0.5") == 0.5 and told("-3") == 0
    assert told(formatdate(time.time() + 60, usegmt=True)) == pytest.approx(60, abs=5)
    assert told("soon") is None
    assert retry.told_wait_s(ValueError()) is None


def test_waits_grow_and_differ():
    class State:
        outcome = None

    waits = []
    for number in range(1, 6):
        State.attempt_number = number
        waits.append([retry.wait_s(State) for _ in range(20)])
    assert all(max(a) < max(b) for a, b in pairwise(waits))
    assert all(len(set(w)) > 1 for w in waits)


def test_a_stop_ends_the_waiting():
    stop = Event()
    script = Script(error(429, retry_after="100"))
    with serving(script) as client, pytest.raises(LadderError, match="busy"):
        transcribe(CLIP, GPT, client=client, say=lambda sentence: stop.set(), stop=stop)
    assert len(script.requests) <= 2


def test_nothing_is_sent_for_a_file_that_is_no_audio(tmp_path):
    (tmp_path / "notes.wav").write_text("words " * 100)
    script = Script(HELLO)
    with serving(script) as client:
        for source in (tmp_path / "notes.wav", tmp_path / "gone.wav", tmp_path):
            with pytest.raises(LadderError):
                transcribe(source, GPT, client=client)
        with pytest.raises(BadUsage):
            transcribe(CLIP, replace(GPT, format="docx"), client=client)
    assert script.requests == []


def test_openai_settings_are_honoured(fresh_settings):
    """The way a user switches: two variables and the provider's name."""
    script = Script(HELLO)
    with serving(script) as client:
        fresh_settings.setenv("OPENAI_BASE_URL", str(client.base_url))
        fresh_settings.setenv("OPENAI_API_KEY", "sk-mine")
        result = transcribe(CLIP, Options(provider="openai"))
    sent = {k.lower(): v for k, v in script.requests[0].headers.items()}
    assert result.transcript.text == "hello" and sent["authorization"] == "Bearer sk-mine"
