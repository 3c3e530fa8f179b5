"""The MLflow UI on the ladder's store, in one process: `python -m shared.mlflow_ui --port 5321`.

`mlflow server` imports MLflow twice and runs nine processes, most of them for background jobs that the ladder
does not have (measured: 12.4 s and 1280 MB; without the jobs 10.1 s and 530 MB). This runs its ASGI app alone
(5.0 s, 270 MB) with the settings that the command would hand to it. Host and origin checks stay on.
"""

from __future__ import annotations

import os
import uuid

import click

from shared.settings import settings


@click.command()
@click.option("--port", type=int, required=True)
def main(port: int) -> None:
    """Serve the UI and its API on loopback until told to end."""
    store, artifacts = settings().store_uri, settings().artifacts.as_uri()
    os.environ |= {  # before the import; the names are those of mlflow/server/constants.py
        "_MLFLOW_SERVER_FILE_STORE": store,
        "_MLFLOW_SERVER_REGISTRY_STORE": store,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": artifacts,
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": artifacts,
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SERVER_BOOT_ID": uuid.uuid4().hex,  # marks a server: it never runs code kept in the database
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    if settings().mlflow_tracking_uri is None:
        from shared.store import prepare_store

        prepare_store()

    import uvicorn

    uvicorn.run("mlflow.server.fastapi_app:app", host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()
