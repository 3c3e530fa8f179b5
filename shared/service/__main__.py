"""`python -m shared.service --port 8321 [--idle 900]`"""

from __future__ import annotations

import argparse
import sys

from shared.errors import LadderError


def main() -> int:
    """Run the service; 0, or the exit code of the error that is shown."""
    parser = argparse.ArgumentParser(prog="python -m shared.service", description="The local AI service.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--idle", type=float, metavar="SECONDS", help="end after so long without a request")
    args = parser.parse_args()
    try:
        from shared.service.server import serve

        serve(args.host, args.port, args.idle)
    except LadderError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
