"""Send a clip to a speech API and get back what was said in it.

A file and a model go in; an answer comes back, and its `text` holds the words.

    ladder check first-call

    transcribe(client, clip)  # "the bridge is closed on monday please take the ferry to the island"
"""

from pathlib import Path

from openai import OpenAI
from openai.types.audio import Transcription

from level1_api.samples import sample
from shared.clients import openai_client

MODEL = "pocketsphinx"  # the engine in the box


def transcribe(client: OpenAI, path: Path) -> Transcription:
    """The words that are spoken in the audio file at `path`."""
    with path.open("rb") as file:
        return client.audio.transcriptions.create(file=file, model=MODEL)


if __name__ == "__main__":
    print(transcribe(openai_client(), sample("bridge").path))
