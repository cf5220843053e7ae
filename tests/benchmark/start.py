"""The start of the real platform: what the mount's two lines add to the import of its `run.py`."""

from __future__ import annotations

from statistics import median

from checkout import MOUNT, Platform

#: With Python's cycle collector, and without. Where it is on, whoever makes more objects can meet one more of its
#: passes over all that the platform has imported, and pays for them.
COLLECTING, NOT_COLLECTING = 'as it is', 'without the cycle collector'

CODE = '''
import gc, time
{before}
begun = time.perf_counter()
import run
imported = time.perf_counter()
exec({mount!r}, vars(run))
print(imported - begun, time.perf_counter() - imported)
'''
BEFORE = {COLLECTING: '', NOT_COLLECTING: 'gc.disable()'}


def measure_start(platform: Platform, rounds: int) -> dict[str, tuple[float, float]]:
    """
    Measure the import and, after it, the two lines, in a new process each time.

    Parameters
    ----------
    platform : Platform
        The platform without the mount.
    rounds : int
        How often, beside the first time, which writes Python's byte code.

    Returns
    -------
    dict
        Milliseconds of the platform and of the mount, by whether the collector is on.
    """
    seconds: dict[str, list[tuple[float, float]]] = {way: [] for way in BEFORE}
    for _ in range(1 + rounds):
        for way, before in BEFORE.items():
            done = platform.run('-c', CODE.format(before=before, mount=MOUNT), database='sqlite://')
            if done.returncode:
                raise RuntimeError(done.stderr)
            platform_takes, mount_takes = done.stdout.split()[-2:]
            seconds[way].append((float(platform_takes), float(mount_takes)))
    return {way: (1000 * median(taken[0] for taken in times[1:]), 1000 * median(taken[1] for taken in times[1:]))
            for way, times in seconds.items()}
