"""The platform's scheduled job takes a retry up (contract section 3, "How a queued run is picked up")."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest
from checkout import Platform
from rows import Rows

pytestmark = pytest.mark.platform


@dataclass(frozen=True)
class PickedUp:
    """The runs that there were, and those that the scheduled job handed over to be started on each platform."""

    source: int
    retried: int
    #: A run with a first stage, and nothing else.
    noted: int
    failed_tests: list[int]
    linux: list[int]
    windows: list[int]
    machines: Path

    def list_of_tests(self, run_id: int) -> Path:
        """Name the file that tells a machine on Linux which tests of the first category to run."""
        return self.machines / f'linux-{run_id}' / 'ci-tests' / 'General.xml'


@pytest.fixture(scope='module')
def picked_up(own_rows: Rows, mounted: Platform) -> PickedUp:
    """Retry what failed of a run, and let the job look for what is queued."""
    passed, *failed = (own_rows.regression_test() for _ in range(3))
    source = own_rows.run([passed, *failed])
    own_rows.result(source, passed)
    for test_id in failed:
        own_rows.result(source, test_id, exit_code=1)
    noted = own_rows.run(failed, stages=['preparation'])
    answer, = mounted.inside('retry_runs', own_rows.address, requests=[{'run_id': source, 'failed_only': True}])
    linux, windows = (mounted.inside('pick_up', own_rows.address, platform=name) for name in ('linux', 'windows'))
    return PickedUp(source, answer['new_run_id'], noted, failed, linux, windows,
                    mounted.path / 'samples' / 'vm_data')


def test_a_retry_is_handed_over_to_be_started(picked_up: PickedUp) -> None:
    assert picked_up.retried in picked_up.linux
    assert picked_up.source not in picked_up.linux


def test_a_retry_waits_for_a_machine_of_its_own_platform(picked_up: PickedUp) -> None:
    assert picked_up.windows == []


def test_a_retry_is_started_with_the_tests_that_failed(picked_up: PickedUp) -> None:
    tests = ElementTree.parse(picked_up.list_of_tests(picked_up.retried))

    assert sorted(int(entry.attrib['id']) for entry in tests.iter('entry')) == picked_up.failed_tests


def test_a_run_that_has_progress_is_passed_over(picked_up: PickedUp) -> None:
    # Which is why a retry writes none.
    assert picked_up.noted in picked_up.linux
    assert not picked_up.list_of_tests(picked_up.noted).exists()
