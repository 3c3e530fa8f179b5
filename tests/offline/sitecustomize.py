"""Blocks every socket beyond loopback, in this process and in every Python process started from it.

Python imports a module of this name at start-up when its folder is on PYTHONPATH, which
`tests/conftest.py` sees to. Each attempt is refused and written to the file that LADDER_TEST_NET_LOG names,
so that the suite can prove that nothing tried. An audit hook cannot be removed by the code it watches.
"""

from __future__ import annotations

import ipaddress
import os
import sys
import traceback

LOCAL_NAMES = {"", "localhost", "localhost.localdomain", "ip6-localhost"}


def is_local(host: object) -> bool:
    """Loopback, or an address that names no remote host (a bind to all interfaces, a Unix socket)."""
    if not isinstance(host, str | bytes):
        return True
    name = host.decode(errors="replace") if isinstance(host, bytes) else host
    if name in LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(name.split("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def host_of(event: str, args: tuple) -> object:
    """The remote host that an audited call is about, or None if it is about none."""
    if event == "socket.getaddrinfo":
        return args[0]
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        address = args[1]
        return address[0] if isinstance(address, tuple) else None
    if event in {"socket.gethostbyname", "socket.gethostbyaddr"}:
        return args[0]
    return None


def watch(event: str, args: tuple) -> None:
    if not event.startswith("socket."):
        return
    host = host_of(event, args)
    own_name = host is not None and host == os.uname().nodename if hasattr(os, "uname") else False
    if host is None or is_local(host) or own_name:
        return
    log = os.environ.get("LADDER_TEST_NET_LOG")
    if log:
        where = "".join(traceback.format_stack(limit=8)[:-1])
        with open(log, "a", encoding="utf-8") as file:  # noqa: PTH123 - nothing heavy may be imported here
            file.write(f"pid {os.getpid()} {sys.argv[:3]} {event} {host!r}\n{where}\n")
    raise OSError(f"blocked in tests: {event} to {host!r} leaves this machine")


sys.addaudithook(watch)
