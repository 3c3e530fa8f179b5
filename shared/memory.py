"""How much memory a process has used at most."""

from __future__ import annotations

import sys
from pathlib import Path


def peak_rss_mb(pid: int | None = None) -> float:
    """The peak resident memory so far, in MB (10^6 bytes), of this process or of another.

    Linux: `VmHWM`, since `getrusage` also counts what the parent used before it started this program. Of
    another process on other systems: what it uses now.
    """
    if sys.platform == "linux":
        status = Path(f"/proc/{pid or 'self'}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    if pid is None and sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    import psutil

    info = psutil.Process(pid).memory_info()
    return getattr(info, "peak_wset", info.rss) / 1e6
