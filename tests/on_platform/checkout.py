"""Copies of the platform's checkout, with and without the mount, and what is run in them."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.documents import ROOT

from .documented import literal_block

#: The two lines that mount the package.
MOUNT = '\n' + literal_block('README.rst', 'from mod_runs_api import mod_runs_api')

#: What the platform's webhook is signed with.
KEY = 'not a secret'

#: The platform's own defaults, and what an installation must say.
CONFIG = f"""
import os

from config_sample import *

DATABASE_URI = os.environ['PLATFORM_DATABASE_URI']
INSTALL_FOLDER = os.path.dirname(os.path.abspath(__file__))
SAMPLE_REPOSITORY = os.path.join(INSTALL_FOLDER, 'samples')
GITHUB_TOKEN = GITHUB_CI_KEY = HMAC_KEY = {KEY!r}
"""


def read_mails(folder):
    """Return the mails of a folder, by what follows the number in their names, in their order."""
    mails = {path.stem.partition('-')[2]: path for path in sorted(folder.glob('*.patch'))}
    assert mails, folder
    return mails


#: The mails for the platform that the docs offer.
PATCHES = read_mails(ROOT / 'patches' / 'platform')

#: What a working copy may hold that no test is about.
LEFT_OUT = shutil.ignore_patterns('.git', '.venv', 'venv', '__pycache__', '*.log', 'temp')

#: What runs in the copy's interpreter, beside the copy's own modules.
INSIDE = ('-m', 'on_platform.inside')


def named(variable, meaning):
    """Return the folder that a variable names; skip the test without."""
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f'{variable} does not name {meaning}')
    return Path(folder).absolute()


@dataclass(frozen=True)
class Platform:
    """A copy of the platform, ready to run; ``packages`` is a folder with the package and nothing else in it."""

    path: Path
    packages: Path

    def environment(self, database):
        """Give the environment of a process that runs the platform on a database."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(('GIT_', 'FLASK_', 'PYTHON'))}
        kept.pop('TESTING', None)
        return {**kept, 'PLATFORM_DATABASE_URI': database,
                'PYTHONPATH': os.pathsep.join(map(str, [self.path, self.packages, ROOT / 'tests']))}

    def run(self, *arguments, database, sent='', seconds=120):
        """Run Python with some arguments in the copy, and wait for it."""
        return subprocess.run([sys.executable, *arguments], cwd=self.path, env=self.environment(database), input=sent,
                              capture_output=True, text=True, timeout=seconds)

    def flask(self, *arguments, database):
        """Run a command of Flask's in the copy."""
        return self.run('-m', 'flask', '--app', 'run', *arguments, database=database)

    def git(self, *arguments):
        """Run git in the copy, and return what it printed."""
        return subprocess.run(['git', '-c', 'user.name=tests', '-c', 'user.email=tests@example.com',
                               '-c', 'commit.gpgsign=false', *arguments], cwd=self.path, env=self.environment(''),
                              stdout=subprocess.PIPE, check=True, text=True, timeout=120).stdout

    def apply(self, *names):
        """Apply some of the patches that the docs offer to the copy."""
        self.git('apply', *(str(PATCHES[name]) for name in names))

    def commit(self, *mails):
        """Have git apply some mails to the copy, each as a commit."""
        self.git('am', '--quiet', '--keep-non-patch', *map(str, mails))

    def inside(self, name, database, /, **arguments):
        """Call a function of ``inside.py`` in a process of its own, and return what it returned."""
        done = self.run(*INSIDE, database=database, sent=json.dumps({'function': name, 'arguments': arguments}))
        answer = json.loads(done.stdout)
        assert 'raised' not in answer, answer['raised']
        return answer['returned']


def prepare(checkout, folder):
    """Copy a checkout to an empty folder, without the mount, and give the copy what the platform needs to start."""
    packages = folder / 'packages'
    # Found, not imported, because it can be imported beside the platform only.
    package = find_spec('mod_runs_api')
    assert package is not None and package.origin is not None
    shutil.copytree(Path(package.origin).parent, packages / 'mod_runs_api', ignore=LEFT_OUT)

    platform = Platform(folder / 'unmounted', packages)
    shutil.copytree(checkout, platform.path, ignore=LEFT_OUT)
    (platform.path / 'config.py').write_text(CONFIG)
    (platform.path / 'service-account.json').write_text(json.dumps(service_account()))
    for name in ('secret_key', 'secret_csrf'):
        (platform.path / name).write_bytes(os.urandom(24))
    # The platform asks for the commit that it is at.
    platform.git('init', '--quiet')
    platform.git('add', '--all')
    platform.git('commit', '--quiet', '--message', 'The platform')
    return platform


def copy(platform, name, *, mounted, config=''):
    """Copy a prepared platform to a folder beside it, with the mount if asked to, and with further code."""
    made = Platform(platform.path.with_name(name), platform.packages)
    shutil.copytree(platform.path, made.path)
    for file, code in (('run.py', MOUNT * mounted), ('config.py', config)):
        with open(made.path / file, 'a') as opened:
            opened.write(code)
    return made


def copy_for_stories(platform, mails):
    """Copy a prepared platform, with some mails, and with the settings that need them."""
    settings = 'RUNS_API_AUTOMATIC_RETRIES = 1\nRUNS_API_AUTHOR_RETRIES = 2\nRUNS_API_PENDING_STATUS = True\n'
    made = copy(platform, 'stories', mounted=False, config=settings)
    made.git('apply', *map(str, mails))
    # What the platform hands to its machines with Windows.
    (made.path / 'install' / 'ci-vm' / 'ci-windows' / 'rclone.conf').touch()
    return made


def service_account():
    """Make up an account of the cloud's, with a key that nobody knows: enough to start with, and to reach nothing."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {
        'type': 'service_account',
        'project_id': 'nowhere',
        'client_email': 'nobody@nowhere.invalid',
        'token_uri': 'https://nowhere.invalid/token',
        'private_key': key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    }
