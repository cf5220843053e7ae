"""The platform's own tests pass with the mount and the patches of the docs as they pass without them."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from checkout import PATCHES, Platform, copy

pytestmark = pytest.mark.platform

#: Seconds for the whole of them.
PATIENCE = 1800


@dataclass(frozen=True)
class Outcome:
    """What a run of the tests said."""

    count: int
    #: ``FAIL`` or ``ERROR``, and the test.
    failures: frozenset[tuple[str, str]]


def outcome(output: str) -> Outcome:
    """Read what the runner has printed."""
    counts = re.findall(r'^Ran (\d+) tests? in ', output, re.MULTILINE)
    assert len(counts) == 1, output[-5000:]
    # Each one has a heading under a double line.
    return Outcome(int(counts[0]), frozenset(re.findall(r'^={70}\n(FAIL|ERROR): (.+)$', output, re.MULTILINE)))


def test_the_platforms_own_tests_pass_as_they_do_without_mount_and_patches(unmounted: Platform, tmp_path: Path) -> None:
    processes, outputs = [], []
    for name, mounted in (('tested', False), ('tested-mounted', True)):
        platform = copy(unmounted, name, mounted=mounted)
        if mounted:
            platform.apply(*PATCHES)
        outputs.append(tmp_path / name)
        with open(outputs[-1], 'wb') as output:
            processes.append(subprocess.Popen(
                [sys.executable, '-m', 'nose2', '--verbose'], cwd=platform.path, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT,
                env={**platform.environment('sqlite:///:memory:'), 'TESTING': 'true'}))
    try:
        for process in processes:
            process.wait(PATIENCE)
    finally:
        for process in processes:
            process.kill()
            process.wait()

    without, with_mount = (outcome(output.read_text(errors='replace')) for output in outputs)
    assert without.count > 0
    assert with_mount == without
