"""What stands in for GitHub and for the cloud while the platform's own code runs, and remembers what it was told."""

import io
import zipfile
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from unittest import mock

from googleapiclient.errors import HttpError
from support.github import GitHub


class Cloud:
    """The machines that run, and when they were started."""

    def __init__(self):
        self.clear()

    def clear(self):
        """Stop all machines."""
        self.machines: dict[str, datetime] = {}
        #: Whether a machine stops when it is told to.
        self.stops = True
        #: The machines that have turned themselves off.
        self.off: set[str] = set()
        #: What happens while the machines are listed the next time.
        self.meanwhile: list[Callable[[], None]] = []

    # What a story has happen

    def running(self):
        """Return the names of the machines that run."""
        return list(self.machines)

    def keep_machines(self):
        """Take time when a machine is to be stopped."""
        self.stops = False

    def lose_machine(self, machine):
        """Have a machine disappear, without a word to anybody."""
        del self.machines[machine]

    def turn_off(self, machine):
        """Have a machine turn itself off; it is still listed."""
        self.off.add(machine)

    def let_pass(self, machine, minutes):
        """Let time pass for a machine."""
        self.machines[machine] -= timedelta(minutes=minutes)

    # What the platform calls

    def instances(self):
        """Return what lists, starts and deletes machines."""
        return SimpleNamespace(
            list=lambda **where: _answer(self._list()),
            get=lambda instance, **where: SimpleNamespace(execute=lambda: self._find(instance)),
            insert=lambda body, **where: _answer(self._start(body['name'])),
            delete=lambda instance, **where: _answer(self._stop(instance)))

    def images(self):
        """Return what finds the image of a machine."""
        return SimpleNamespace(getFromFamily=lambda **where: _answer({'selfLink': 'image'}))

    def zoneOperations(self):
        """Return what says that an operation is done."""
        return SimpleNamespace(get=lambda **where: _answer({'status': 'DONE'}))

    def _list(self):
        while self.meanwhile:
            self.meanwhile.pop()()
        return {'items': [
            {'name': name, 'creationTimestamp': started.strftime('%Y-%m-%dT%H:%M:%S.%f%z'),
             'status': 'TERMINATED' if name in self.off else 'RUNNING'}
            for name, started in self.machines.items()]}

    def _find(self, name):
        if name not in self.machines:
            raise _refusal(404)
        return {'name': name}

    def _start(self, name):
        if name in self.machines:
            raise _refusal(409)
        self.off.discard(name)
        self.machines[name] = datetime.now(timezone.utc)
        return {'name': f'start-{name}', 'status': 'RUNNING'}

    def _stop(self, name):
        if self.stops:
            self.machines.pop(name, None)
        return {'name': f'stop-{name}', 'status': 'RUNNING'}


def _refusal(status):
    return HttpError(SimpleNamespace(status=status, reason=''), b'')


def _answer(answer):
    return SimpleNamespace(execute=lambda: answer)


def _get():
    """Answer the requests that the platform makes past PyGithub."""
    build = io.BytesIO()
    with zipfile.ZipFile(build, 'w') as archive:
        archive.writestr('ccextractor', '')
    return SimpleNamespace(status_code=200, content=build.getvalue(),
                           json=lambda: {'hooks': ['127.0.0.0/8'], 'login': 'somebody'})


@contextmanager
def standing_in():
    """Put the stand-ins in place while the block lasts. The platform must not have been imported yet."""
    github, cloud = GitHub(), Cloud()
    with ExitStack() as stack:
        stack.enter_context(mock.patch(
            'github.Github', lambda lazy=False, **_: github.lazy() if lazy else github))
        stack.enter_context(mock.patch('googleapiclient.discovery.build', lambda *names, **arguments: cloud))
        stack.enter_context(mock.patch('requests.get', lambda url, **arguments: _get()))
        # Without a bucket the platform looks for files on its own disk only.
        stack.enter_context(mock.patch('google.cloud.storage.Client.bucket', return_value=None))
        yield github, cloud
