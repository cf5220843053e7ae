"""Verdicts on executions."""

from itertools import count

from mod_runs_api.domain.verdict import AttemptOutcome, judge


def judged(*history, test_id=1, builds=(), ends=(), active=True):
    """Return the verdict on a test with these executions in its attempts: runs 1, 2 and so on."""
    attempts = [AttemptOutcome(number, number, ends[number - 1] if ends else number,
                               builds[number - 1] if builds else None, execution.outcome)
                for number, execution in enumerate(history, 1)]
    evidence = {number: execution.evidence for number, execution in enumerate(history, 1)}
    return judge(test_id, f'command {test_id}', active, attempts, evidence)


def verdicts_of(*histories):
    """Return the verdicts on tests 1, 2 and so on."""
    return [judged(*history, test_id=test_id) for test_id, history in zip(count(1), histories)]
