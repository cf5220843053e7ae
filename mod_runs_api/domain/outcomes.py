"""The outcomes of a regression test in a run (docs/api.rst, "Outcomes")."""

from typing import Literal

Outcome = Literal['pass', 'fail', 'missing_output', 'not_run', 'carried_over']

#: The outcomes of a test that the run itself ran. Only these are evidence.
RAN: frozenset[Outcome] = frozenset({'pass', 'fail', 'missing_output'})
