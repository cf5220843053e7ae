"""The patches that the docs offer, on the real platform's checkout (docs/adopt.rst, "The patches")."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from checkout import Platform, copy
from documented import ROOT

pytestmark = pytest.mark.platform

#: ``console.patch`` is for the console's files, which a checkout may lack.
PATCHES = [path for path in sorted(ROOT.glob('docs/patches/*.patch')) if path.stem != 'console']

each_patch = pytest.mark.parametrize('patch', PATCHES, ids=lambda path: path.stem)


def check(platform: Platform, *arguments: str | Path) -> str:
    """Return what ``git apply`` complains about, without applying anything."""
    return subprocess.run(['git', 'apply', '--check', *map(str, arguments)], cwd=platform.path,
                          env=platform.environment(''), capture_output=True, text=True, timeout=60).stderr


@pytest.fixture(scope='module')
def with_all(unmounted: Platform) -> Platform:
    """Return a copy of the platform with all patches."""
    platform = copy(unmounted, 'with-all', mounted=True)
    platform.apply(*(path.stem for path in PATCHES))
    return platform


@each_patch
def test_a_patch_applies_alone(unmounted: Platform, patch: Path) -> None:
    assert check(unmounted, patch) == ''


@each_patch
def test_a_patch_can_be_taken_back_from_all_of_them(with_all: Platform, patch: Path) -> None:
    assert check(with_all, patch) != ''
    assert check(with_all, '--reverse', patch) == ''
