"""What the fixtures give that ask for things over HTTP."""

from __future__ import annotations

from collections.abc import Callable

from werkzeug.test import TestResponse

Ask = Callable[..., TestResponse]
