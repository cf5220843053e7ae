"""The README's two commands, and its example of a request."""

import json
import logging
import re

from demo import main
from support.documents import ROOT

README = (ROOT / 'README.rst').read_text()


def test_the_readme_has_one_command_for_the_demo_and_one_for_the_tests_of_the_checks():
    commands = re.findall(r'^    python3 -m venv \.venv && \S+pip install -q \S+ && (.+)$', README, re.MULTILINE)

    assert commands == ['.venv/bin/python tests/demo.py', '.venv/bin/tox run -e py']
    (environments,) = re.findall(r' -e "(\S+)"$', (ROOT / '.ci/run').read_text(), re.MULTILINE)
    assert 'py' in environments.split(',')


def test_the_demo_shows_what_the_readme_says(capsys, caplog):
    main([])

    printed = capsys.readouterr()
    assert re.findall(r'\[ok\] (.+)', printed.out) == [
        'nothing of run 1 has changed', 'tests [2, 3, 8] are selected for run 2', 'it has a result for every test',
        'only test 2 failed again', 'run 3 is ended',
        'tests [5, 6, 7, 8, 9], which have no result, are selected for run 4', 'every test has passed']
    assert 'Over 2 attempts 2 tests are flaky and 1 fails each time in the same way.\n' in printed.out
    assert re.findall(r'^ +(3 +retried .*)', printed.out, re.MULTILINE) == [
        '3         retried   4         The machine of this run has vanished.']
    assert printed.err == ''
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_the_request_of_the_readme_is_answered_as_it_says(retry, run_id):
    body, = re.findall(r"-d '(\{.*\})'", README)
    key, = re.findall('"Idempotency-Key: (.*?)"', README)
    answer, = re.findall(r'^    (\{"run_id": 42.*?\})$', README, re.MULTILINE | re.DOTALL)

    response = retry(run_id, json.loads(body), key=key)

    assert response.status_code == 202
    documented = json.loads(answer)
    assert response.json.keys() == documented.keys()
    message = response.json['message'].replace(f'run {run_id + 1}', 'run 57').replace(f'Run {run_id} ', 'Run 42 ')
    assert message == documented['message'].replace('3 tests', '2 tests')
