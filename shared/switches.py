"""How libraries behave here: they report to nobody, download nothing, and share the machine's cores.

The switches are environment variables that work only if they are set before a library is imported. So the
package `shared` sets them when it is itself imported, which every level does first. What the environment says
already is left as it is.
"""

from __future__ import annotations

import os

QUIET = {  # nothing phones home
    "ANONYMIZED_TELEMETRY": "False",  # chromadb
    "DO_NOT_TRACK": "true",  # mlflow knows only the word "true"
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_OFFLINE": "1",  # lifted by `ladder models pull` alone
    "LANGSMITH_TRACING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_MODEL_CATALOG_URI": "",  # else a judge asks github.com about its model
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    "STREAMLIT_SERVER_SHOW_EMAIL_PROMPT": "false",
}
TUNED = {
    "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",  # our own thread writes; its queue adds a second to a flush
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # commands draw their own
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a store that is away is given up in seconds
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    # torch's threads sleep while they wait, and do not spin: on a busy machine a training of 7 s took 66.
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",  # its threads do not survive a fork
}


def switch() -> None:
    """Set what the environment does not set."""
    for name, value in (QUIET | TUNED).items():
        os.environ.setdefault(name, value)
