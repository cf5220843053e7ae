"""What the mount adds to the real platform's own requests (docs/how-it-works.rst), and the settings before it."""

import json
import re
import subprocess

import pytest
from sqlalchemy import text
from support.documents import ROOT

from .checkout import PATCHES, SETTINGS, copy
from .documented import command, literal_block
from .protocol import CRASH, running

#: Headers whose values differ from one request to the next.
PASSING = ('x-ratelimit-remaining', 'x-ratelimit-reset')

PAGES = ['GET /', 'GET /test/', 'GET /test/{}', 'GET /test/get_json_data/{}', 'GET /test/2147483647', 'GET /nowhere',
         'POST /test/', 'OPTIONS /test/', 'GET /account/manage', 'GET /api/v1/nowhere', 'GET /api/v1/runs/{}',
         'PUT /api/v1/runs/{}', 'POST /api/v1/runs', 'GET /api/v1/runs/{}/nothing', 'GET /api/v1/auth/tokens/1',
         'GET /api/v1/runs/{}/summary', 'GET /api/v1/runs/2147483647', 'GET /api/v1/runs/none', 'GET /api/v1/users']


def seen(answer):
    """Return all of an answer that the same request always gets."""
    headers = {name: value for name, value in answer['headers'].items() if name not in PASSING}
    return {**answer, 'headers': {**headers, 'allow': sorted(headers.get('allow', '').split(', '))}}


def test_pages_and_api_of_the_platform_are_with_the_mount_what_they_are_without(story, unmounted, tmp_path):
    tests = story.tests(2)
    run_id = story.complete(story.push(tests), {tests[0]: CRASH})
    shown = []
    for platform in (unmounted, copy(unmounted, 'mounted', mounted=True)):
        with running(platform, story.rows.address, tmp_path) as process:
            shown.append({
                (page, bool(headers)): seen(process.call('ask', method=page.split()[0], headers=headers,
                                                         path=page.split()[1].format(run_id)))
                for page in PAGES for headers in (None, story.authorization)})

    without, with_mount = shown
    assert {answer['status'] for answer in without.values()} >= {200, 302, 400, 401, 403, 404, 405}
    assert with_mount == without


def test_a_bare_mount_sends_github_nothing_when_a_run_is_retried(story, red, unmounted, tmp_path):
    body = {'method': 'POST', 'path': f'/api/v1/runs/{red}/retry', 'headers': story.authorization}
    with running(copy(unmounted, 'bare', mounted=True), story.rows.address, tmp_path) as process:
        assert process.call('ask', **body)['status'] == 202
        assert process.call('command', arguments=['retry', str(red)])[0] == 0
        assert process.call('retry_in_process', run_id=red)

        assert len(story.rows.of('run_retry')) == 3
        assert process.call('commit_statuses', commit=story.run(red)['commit']) == []


def import_alone(platform, module):
    """Import a module first in a process of its own, and return the last line of what Python says."""
    done = platform.run('-c', f'import {module}', database='sqlite://')
    return done.stderr.strip().rpartition('\n')[2] if done.returncode else None


@pytest.mark.parametrize('imports_at_the_top', [False, True])
def test_no_import_runs_in_a_circle_whichever_module_comes_first(telling, imports_at_the_top):
    platform = telling
    if imports_at_the_top:
        platform = copy(telling, 'imports-at-the-top')
        controllers = platform.path / 'mod_ci' / 'controllers.py'
        controllers.write_text(controllers.read_text().replace(
            '\nfrom lxml import etree\n', '\nfrom lxml import etree\nfrom mod_runs_api import retry_run\n'
            'from mod_runs_api.github import retry_from_comment\n', 1))
    modules = ['run', 'mod_runs_api', 'mod_api', 'mod_api.routes.runs', 'mod_api.models.api_token', *(
        f'{path.parent.name}.controllers' for path in platform.path.glob('mod_*/controllers.py'))]

    assert len(modules) > 10
    assert {module: import_alone(platform, module) for module in modules} == dict.fromkeys(modules)


def test_a_platform_without_a_model_is_refused_by_an_error_that_names_it(unmounted):
    older = copy(unmounted, 'older', mounted=True)
    (older.path / 'mod_customized' / 'models.py').write_text('class CustomizedTest:\n    pass\n')

    assert "cannot import name 'TestFork' from 'mod_customized.models'" in (import_alone(older, 'mod_runs_api') or '')


def test_a_route_that_the_platforms_api_gets_one_day_is_refused_by_the_mail_of_the_mount(unmounted):
    platform = copy(unmounted, 'with-the-mail')
    platform.commit_with_folder(PATCHES['mount'])
    module = platform.path / 'mod_api' / 'routes' / 'runs.py'
    source = module.read_text()
    listed = platform.flask('routes', database='sqlite://').stdout
    routes = re.findall(r'^runs_api\.\w+ +(\w+) +/api/v1(/runs/<run_id>/\w+)', listed, re.MULTILINE)
    assert len(routes) == 4

    for method, path in routes:
        module.write_text(f'{source}\n\n@mod_api.route({path!r}, methods=[{method!r}])\n'
                          "def added(run_id):\n    return 'Of the platform'\n")

        refusal = import_alone(platform, 'run')

        assert refusal == (f"mod_runs_api.errors.MountError: {method} /api/v1{path.replace('<run_id>', '1')} leads to "
                           'api.added, which the application already has.')


@pytest.mark.parametrize(('file', 'name', 'error'), [
    ('mod_ci/controllers.py', name, f"ImportError: cannot import name '{name}' from 'mod_ci.controllers'")
    for name in ('Artifact_names', 'MAX_ARTIFACTS_TO_SEARCH')] + [
    ('mod_test/controllers.py', 'by_id', 'MountError: The application has no page test.by_id')])
def test_a_platform_without_a_name_that_the_package_reads_does_not_start(unmounted, file, name, error):
    later = copy(unmounted, f'without-{name}', mounted=True)
    code = (later.path / file).read_text()
    (later.path / file).write_text(re.sub(rf'\b{name}\b', f'renamed_{name}', code))

    assert error in (import_alone(later, 'run') or '')


@pytest.mark.parametrize(('added', 'error'), [
    ('', ''), ('RUNS_API_AUTHOR_RETRY = 2', 'There is no setting RUNS_API_AUTHOR_RETRY.'),
    ("RUNS_API_CHECKS = 'yes'", 'RUNS_API_CHECKS must be '),
    ("RUNS_API_RETRY_ROLES = ['admin', 'testr']",
     "RUNS_API_RETRY_ROLES: there is no role 'testr'. The roles are admin, contributor, tester, user.")])
def test_the_documented_settings_can_be_checked_before_the_mount_is_merged(unmounted, added, error):
    documented = literal_block('docs/operations.rst', 'RUNS_API_RETRY_ROLES = []')
    platform = copy(unmounted, f'settings-{added}', config=f'{documented}{added}\n')
    platform.add_folder()

    check = command('docs/settings.rst', "python3 -c 'import config;")
    checked = subprocess.run(['bash', '-c', check], cwd=platform.path, env=platform.environment('sqlite://'),
                             capture_output=True, text=True, timeout=60)

    assert (checked.returncode == 0, checked.stdout) == (not error, '')
    assert f'MountError: {error}' in checked.stderr if error else checked.stderr == ''


def read_settings(platform):
    """Return the settings of a copy that ``run.py`` may set, or the last line of an error."""
    done = platform.run('-c', (
        "import json; from run import app; settings = app.extensions['mod_runs_api'].settings; print(json.dumps(["
        'settings.rate_limit, settings.checks, settings.drop_inactive_tests, settings.pending_status, '
        'settings.automatic_retries]))'), database='sqlite://')
    return done.stderr.strip().rpartition('\n')[2] if done.returncode else json.loads(done.stdout)


def test_the_commits_bring_their_settings_and_config_wins(unmounted):
    in_production = ['20 per minute', True, True]
    platform = copy(unmounted, 'settings-of-the-mount')
    platform.commit_with_folder(PATCHES['mount'])
    assert read_settings(platform) == [*in_production, False, 0]
    platform.commit(PATCHES['automatic'])
    assert read_settings(platform) == [*in_production, True, 2]

    assert read_settings(copy(platform, 'settings-of-the-stories', config=SETTINGS)) == [
        '120 per minute', False, False, True, 1]
    switched_off = literal_block('docs/operations.rst', 'RUNS_API_RETRY_ROLES = []')
    assert read_settings(copy(platform, 'settings-off', config=switched_off)) == [*in_production, False, 0]
    assert read_settings(copy(platform, 'settings-wrong', config="RUNS_API_CHECKS = 'yes'\n")) == (
        "mod_runs_api.errors.MountError: RUNS_API_CHECKS must be True or False, not 'yes'.")


def test_the_values_of_the_seed_in_config_py_let_retries_queue_and_refuse_inactive_tests(story):
    (active, inactive) = story.tests(2)
    run_id = story.complete(story.push([active, inactive]), {active: CRASH, inactive: CRASH})
    # The second while the first is queued.
    assert [story.retry(run_id, failed_only=False) for _ in range(2)]
    story.rows.set('regression_test', inactive, active=False)

    answer = story.request('POST', f'/runs/{run_id}/retry')

    assert (answer['status'], json.loads(answer['body'])['details']['refusal']) == (422, 'inactive_tests')


def test_the_query_of_the_page_finds_the_failed_only_retries_that_have_not_ended(story):
    tests = story.tests(2)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    story.complete(story.retry(source), {tests[0]: CRASH})
    story.cancel(story.retry(source))
    running, queued = story.retry(source), story.retry(source)
    story.retry(source, failed_only=False)
    story.worker(running).start()

    (query,) = re.findall(r'SELECT run_id .*?;', (ROOT / 'docs/take-back.rst').read_text(), re.DOTALL)
    with story.rows.engine.connect() as connection:
        found = connection.execute(text(query)).scalars().all()

    assert sorted(found) == [running, queued]
