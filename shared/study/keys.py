"""Single keys from the terminal, without Enter; afterwards the terminal is as it was.

with Keys() as keys:
    keys.read(0.2)       # "n", or empty if nothing was pressed in 0.2 s
    keys.drop()          # forget what was pressed meanwhile
"""

from __future__ import annotations

import signal
import sys
import time
from contextlib import suppress
from types import FrameType

END = "\x04"  # what Ctrl-D types; it also stands for a terminal that is gone
ESCAPE = "\x1b"  # for arrow and function keys too, whose letters mean nothing, and for the return from Ctrl-Z

if sys.platform == "win32":
    import msvcrt

    LOOK_S = 0.02

    class Keys:
        """The keyboard of a Windows console, which gives single keys anyway."""

        def __enter__(self) -> Keys:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def read(self, seconds: float) -> str:
            """The next key, waited for at most so long; empty if there was none."""
            until = time.monotonic() + seconds
            while not msvcrt.kbhit():
                if time.monotonic() > until:
                    return ""
                time.sleep(LOOK_S)
            key = msvcrt.getwch()
            if key in ("\x00", "\xe0"):  # an arrow or function key: two characters
                msvcrt.getwch()
                return ESCAPE
            if key == "\x03":
                raise KeyboardInterrupt
            return key

        def drop(self) -> None:
            """Forget the keys that wait."""
            while msvcrt.kbhit():
                msvcrt.getwch()

else:
    import os
    import select
    import termios
    import tty

    BYTES = 1024

    class Keys:
        """The keyboard of a terminal: no Enter, no echo; Ctrl-C and Ctrl-Z mean what they always do."""

        def __enter__(self) -> Keys:
            self._typed = ""
            self._input = sys.stdin.fileno()
            self._before = termios.tcgetattr(self._input)
            ours = {signal.SIGTERM: _leave, signal.SIGCONT: self._resume}
            self._handlers = {number: signal.signal(number, ours[number]) for number in ours}
            tty.setcbreak(self._input)
            return self

        def __exit__(self, *_: object) -> None:
            with suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(self._input, termios.TCSADRAIN, self._before)
            for number, handler in self._handlers.items():
                signal.signal(number, handler)

        def read(self, seconds: float) -> str:
            """The next key, waited for at most so long; empty if there was none."""
            if not self._typed and select.select([self._input], [], [], seconds)[0]:
                self._typed = self._take()
            key, self._typed = self._typed[:1], self._typed[1:]
            return key

        def drop(self) -> None:
            """Forget the keys that wait."""
            self._typed = ""
            termios.tcflush(self._input, termios.TCIFLUSH)

        def _resume(self, number: int, frame: FrameType | None) -> None:
            """Back from Ctrl-Z: the shell has set the terminal for itself, and written on the screen."""
            tty.setcbreak(self._input)
            self._typed = ESCAPE

        def _take(self) -> str:
            try:
                data = os.read(self._input, BYTES)
            except OSError:
                data = b""
            if not data:
                return END
            text = data.decode(errors="ignore")
            return ESCAPE if text.startswith(ESCAPE) else text


def _leave(number: int, frame: FrameType | None) -> None:
    """SIGTERM takes the way out that puts the terminal right."""
    sys.exit(128 + number)
