"""The patches that the docs offer, on the real platform's checkout (docs/adopt.rst, "The patches")."""

from __future__ import annotations

import subprocess

import pytest
from checkout import PATCHES, Platform, copy
from documented import ROOT

pytestmark = pytest.mark.platform


def check(platform: Platform, name: str, *options: str) -> str:
    """Return what ``git apply`` complains about, without applying anything."""
    return subprocess.run(['git', 'apply', '--check', *options, str(ROOT / f'docs/patches/{name}.patch')],
                          cwd=platform.path, env=platform.environment(''), capture_output=True, text=True,
                          timeout=60).stderr


@pytest.fixture(scope='module')
def with_all(unmounted: Platform) -> Platform:
    """Return a copy of the platform with all patches."""
    platform = copy(unmounted, 'with-all', mounted=True)
    platform.apply(*PATCHES)
    return platform


@pytest.mark.parametrize('name', PATCHES)
def test_a_patch_applies_alone(unmounted: Platform, name: str) -> None:
    assert check(unmounted, name) == ''


@pytest.mark.parametrize('name', PATCHES)
def test_a_patch_can_be_taken_back_from_all_of_them(with_all: Platform, name: str) -> None:
    assert check(with_all, name) != ''
    assert check(with_all, name, '--reverse') == ''
