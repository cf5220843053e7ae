"""What a regression test did in a run: `tests/domain` reads it as evidence, and `histories` writes it to a database."""

from dataclasses import dataclass, replace

from mod_runs_api.domain.outcomes import Evidence, File, Outcome

#: Another file that every output accepts.
ACCEPTED = 'accepted'


@dataclass(frozen=True)
class Output:
    """An output of a regression test in a run."""

    #: The hash of the produced file; None if the run has no file.
    produced: str | None = 'right'
    #: The hash of the expected file at the time.
    expected: str = 'right'
    ignore: bool | None = False
    #: The oldest run that has a file of the output.
    oldest_run_id: int = 1
    #: Whether the produced file was approved while the run was running: the worker compared it with an older one.
    approved_meanwhile: bool = False

    @property
    def got(self):
        """The column of that name: None for a file that the worker found identical to the expected one."""
        return None if self.produced == self.expected and not self.approved_meanwhile else self.produced


@dataclass(frozen=True)
class Execution:
    """What a regression test did in a run, and the outcome that follows; None if the run does not show the test."""

    outcome: Outcome | None
    exit_code: int | None = 0
    expected_rc: int | None = 0
    outputs: tuple[Output, ...] = (Output(),)
    has_result: bool = True
    #: How many rows of `customized_test` it has.
    selected: int = 1
    #: Whether the test is active now, and in a category.
    active: bool | None = True
    in_category: bool = True

    @property
    def evidence(self):
        """The evidence, with the outputs numbered from 0."""
        return Evidence(self.exit_code, self.expected_rc, {
            number: File(output.expected, output.got, output.oldest_run_id)
            for number, output in enumerate(self.outputs) if output.produced is not None})


RIGHT, WRONG, OTHER_FILE, MISSING = Output(), Output('wrong'), Output('also wrong'), Output(None)

PASS = Execution('pass')
FAIL, OTHER_FAIL = (Execution('fail', outputs=(output,)) for output in (WRONG, OTHER_FILE))
CRASH, NO_CODE = Execution('fail', 139), Execution('fail', None)
NO_FILE = Execution('missing_output', outputs=(MISSING,))
#: It was selected, and there is no result.
NOT_RUN = Execution('not_run', outputs=(MISSING,), has_result=False)
#: It was not even selected.
ABSENT = replace(NOT_RUN, outcome=None, selected=0)
#: The result of another attempt.
CARRIED_OVER = replace(FAIL, outcome='carried_over')
#: A failure under another expected code.
NEW_CODE = Execution('fail', 0, None)
