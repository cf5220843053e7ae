"""The start of the real platform: what the mount adds to the import of its `run.py`."""

from __future__ import annotations

from statistics import median

from checkout import Platform

#: With Python's cycle collector, and without. Where it is on, whoever makes more objects can meet one more of its
#: passes over all that the platform has imported, and pays for them.
COLLECTING, NOT_COLLECTING = 'as it is', 'without the cycle collector'

CODE = '''
import gc, time
{before}
begun = time.perf_counter()
import run
print(time.perf_counter() - begun)
'''
BEFORE = {COLLECTING: '', NOT_COLLECTING: 'gc.disable()'}


def measure_start(without: Platform, mounted: Platform, rounds: int) -> dict[str, tuple[float, float]]:
    """
    Measure the import, each in a process of its own, in turn.

    Parameters
    ----------
    without, mounted : Platform
        The platform without the mount, and with it.
    rounds : int
        How often, beside the first time, which writes Python's byte code.

    Returns
    -------
    dict
        Milliseconds without and with the mount, by whether the collector is on.
    """
    seconds: dict[tuple[str, bool], list[float]] = {}
    for _ in range(1 + rounds):
        for way, before in BEFORE.items():
            for is_mounted, platform in ((False, without), (True, mounted)):
                done = platform.run('-c', CODE.format(before=before), database='sqlite://')
                if done.returncode:
                    raise RuntimeError(done.stderr)
                seconds.setdefault((way, is_mounted), []).append(float(done.stdout.split()[-1]))
    return {way: (1000 * median(seconds[way, False][1:]), 1000 * median(seconds[way, True][1:])) for way in BEFORE}
