"""The mails that no retry needs, on the real platform's checkout, after those of the docs (contrib/README.rst)."""

from collections import Counter
from dataclasses import replace

import pytest
from on_platform.checkout import copy
from on_platform.workflow import (CHECKS, added_messages, check_any_order, check_sorted_folder, copy_with_folder,
                                  differences, finish, finish_all, own_tests, start, take_mount_back, take_out)

from .mails import ALL, OTHERS

#: By their names the mails that they need.
NEEDS = {'held-builds': ['builds'], 'after-build': ['builds', 'mount']}
#: The mails that need the package.
MOUNTED = ['mount', 'openapi', 'pages', 'webhook', 'report', 'after-build']


@pytest.fixture(scope='module')
def with_all(unmounted):
    """A copy of the platform to which git has applied all mails."""
    platform = copy(unmounted, 'with-all', mounted=False)
    platform.commit(*ALL.values())
    return platform


def test_the_platforms_tests_and_the_new_ones_pass_as_they_do_without_the_patches(unmounted, with_all):
    (count, failures), (count_with, failures_with) = finish_all(unmounted, with_all)

    assert failures_with == failures
    assert count_with > count > 0


@pytest.mark.parametrize('name', OTHERS)
def test_the_tests_of_a_patch_fail_without_it(with_all, name):
    platform = copy(with_all, f'without-{name}', mounted=False)
    take_out(platform, ALL, NEEDS, name)

    assert finish(start(platform, *own_tests(ALL[name])))[1]


@pytest.mark.parametrize('module', own_tests(*OTHERS.values()))
def test_a_new_test_module_and_one_of_the_platforms_pass_in_any_order(with_all, module):
    check_any_order(with_all, module)


@pytest.mark.parametrize('name', OTHERS)
def test_a_patch_is_good_with_those_alone_that_it_needs(unmounted, tmp_path, name):
    platform = copy(unmounted, f'alone-{name}', mounted=False)
    platform.commit(*(ALL[needed] for needed in [*NEEDS.get(name, []), name]))
    if name not in MOUNTED:
        platform = replace(platform, packages=tmp_path)

    assert finish(start(platform, *own_tests(ALL[name])))[1] == set()


@pytest.mark.parametrize('check', CHECKS)
def test_the_patches_add_no_message_of_the_checks_of_the_platforms_own_workflow(unmounted, with_all, check):
    assert added_messages(check, unmounted, with_all) == (0, Counter())


def test_a_folder_with_the_package_works_once_isort_has_sorted_the_imports(unmounted, with_all, tmp_path):
    check_sorted_folder(unmounted, copy_with_folder(with_all, tmp_path), ALL.values())


def test_with_all_mails_the_commands_of_the_page_take_the_mount_back(unmounted, with_all):
    platform, never_mounted = copy(with_all, 'upgraded', mounted=False), copy(unmounted, 'never', mounted=False)
    never_mounted.commit(*(mail for name, mail in ALL.items() if name not in MOUNTED))

    commits = dict(zip(reversed(ALL), platform.git('rev-list', 'HEAD').split()))
    take_mount_back(platform, [commit for name, commit in commits.items() if name in MOUNTED])

    assert differences(platform, never_mounted) == ''
