"""A database server and a Redis of the tests' own, which may be stopped."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager

from sqlalchemy import make_url
from support.databases import Database, fresh_database, missing


def wait_for(what, condition, seconds=60, pause=0.05):
    """Ask again and again until a condition returns something true, and return that."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f'Not within {seconds:g} seconds: {what}.'
        time.sleep(pause)
    return found


def program(name):
    """Return the path of a program that is installed."""
    path = os.pathsep.join([os.environ.get('PATH', os.defpath), '/usr/sbin'])
    return shutil.which(name, path=path) or missing(f'not installed: {name}')


def mysqld():
    """Return the path of MySQL's server. MariaDB's may have its name."""
    path = program('mysqld')
    version = subprocess.run([path, '--version'], capture_output=True, check=True, text=True, timeout=60).stdout
    return missing(f'not MySQL: {version}') if 'MariaDB' in version else path


class Private:
    """A server of the tests' own in a folder, which may be stopped and started."""

    def __init__(self, folder, command, port, **environment):
        self.folder, self.command, self.port = folder, command, port
        self.environment = {**os.environ, **environment}
        self.process = None

    def __enter__(self):
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_):
        """Stop it."""
        self.stop()

    @property
    def process_id(self):
        """The id of the process, which runs."""
        assert self.process is not None and self.process.poll() is None, self.log
        return self.process.pid

    @property
    def log(self):
        """All that it has written to its log."""
        return (self.folder / 'log.txt').read_text(errors='replace')

    def start(self):
        """Start it if it does not run, and wait until it listens."""
        if self.process is None:
            with open(self.folder / 'log.txt', 'ab') as log:
                self.process = subprocess.Popen(self.command, cwd=self.folder, env=self.environment,
                                                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        wait_for(f'an answer of {self.command[0]}', self._listens)

    def _listens(self):
        with socket.socket() as probe:
            return bool(self.process_id) and probe.connect_ex(('127.0.0.1', self.port)) == 0

    def stop(self, number=signal.SIGTERM):
        """End it as its administrator would, or with SIGKILL as a lack of memory would, and wait until it has gone."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.send_signal(signal.SIGCONT)
            self.process.wait(60)
            self.process = None

    def restart(self, number=signal.SIGTERM):
        """Stop it in such a way, and start it."""
        self.stop(number)
        self.start()


def free_port():
    """Return a port that nobody listens on."""
    with socket.create_server(('127.0.0.1', 0)) as probe:
        port = probe.getsockname()[1]
    return port


class PrivateDatabaseServer(Private):
    """A MariaDB or a MySQL of the tests' own."""

    def __init__(self, kind, folder):
        port = free_port()
        # A server that starts removes all temporary tables in that folder. In the one that every server has by
        # default they would be those of other servers, which crash of it.
        (folder / 'tmp').mkdir()
        own = ['--no-defaults', f'--user={getpass.getuser()}', f'--datadir={folder}/data', f'--tmpdir={folder}/tmp']
        if kind == 'MariaDB':
            server = [program('mariadbd'), *own]
            install = [program('mariadb-install-db'), *own, '--auth-root-authentication-method=normal',
                       '--skip-test-db']
        else:
            server = [mysqld(), *own, '--mysqlx=OFF']
            install = [*server, '--initialize-insecure']
        subprocess.run(install, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=120)
        super().__init__(folder, [
            *server, f'--port={port}', '--bind-address=127.0.0.1', f'--socket={folder}/socket',
            f'--pid-file={folder}/pid', '--innodb-buffer-pool-size=64M'], port)
        #: For its administrator, who is not held back by `read_only`.
        self.admin = Database(make_url(f'mysql+pymysql://root:@127.0.0.1:{port}'))

    @contextmanager
    def database(self):
        """Start it, and yield a database for an account; in the end it runs and takes writes, whatever happened."""
        self.start()
        with fresh_database(self.admin) as made, made.for_account() as account:
            try:
                yield account
            finally:
                self.recover()

    def recover(self):
        """Run, take writes and many connections, and have patience with those that idle."""
        self.start()
        self.admin.query('SET GLOBAL read_only = 0, GLOBAL wait_timeout = DEFAULT, GLOBAL max_connections = DEFAULT')

    def connections(self, of):
        """Return the connections of an account."""
        return [row.id for row in self.admin.query(
            'SELECT id FROM information_schema.processlist WHERE user = :name', name=of.url.username)]


class PrivateRedis(Private):
    """A Redis of the tests' own, which keeps nothing."""

    def __init__(self, folder):
        port = free_port()
        super().__init__(folder, [
            program('redis-server'), '--port', str(port), '--bind', '127.0.0.1', '--save', ''], port)
        self.url = f'redis://127.0.0.1:{port}'

    def ask(self, *command):
        """Send a command, and return the answer."""
        from redis import Redis
        with Redis.from_url(self.url, socket_timeout=10) as client:
            return client.execute_command(*command)
