"""Copies of the platform's checkout, with and without the mount, and what is run in them."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
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

#: The settings of the stories: those of the commits, but for the package's own defaults of three, and fewer retries.
SETTINGS = """
RUNS_API_RATE_LIMIT = '120 per minute'
RUNS_API_CHECKS = False
RUNS_API_INACTIVE_TESTS = 'reject'
RUNS_API_PENDING_STATUS = True
RUNS_API_AUTOMATIC_RETRIES = 1
RUNS_API_AUTHOR_RETRIES = 2
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
    """A copy of the platform, ready to run."""

    path: Path

    def environment(self, database):
        """Give the environment of a process that runs the platform on a database."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(('GIT_', 'FLASK_', 'PYTHON'))}
        kept.pop('TESTING', None)
        return {**kept, 'PLATFORM_DATABASE_URI': database,
                'PYTHONPATH': os.pathsep.join(map(str, [self.path, ROOT / 'tests']))}

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

    def commit(self, *mails):
        """Have git apply some mails to the copy, each as a commit."""
        self.git('am', '--quiet', '--keep-non-patch', *map(str, mails))

    def add_folder(self):
        """Copy the package into the copy, beside the platform's own modules."""
        shutil.copytree(ROOT / 'mod_runs_api', self.path / 'mod_runs_api', ignore=LEFT_OUT)

    def commit_with_folder(self, *mails):
        """Commit the folder of the package, and then the mails, as docs/adopt.rst does."""
        self.add_folder()
        self.git('add', 'mod_runs_api')
        self.git('commit', '--quiet', '--message', 'The folder')
        self.commit(*mails)

    def inside(self, name, database, /, **arguments):
        """Call a function of ``inside.py`` in a process of its own, and return what it returned."""
        done = self.run(*INSIDE, database=database, sent=json.dumps({'function': name, 'arguments': arguments}))
        answer = json.loads(done.stdout)
        assert 'raised' not in answer, answer['raised']
        return answer['returned']


def prepare(checkout, folder):
    """Copy a checkout to an empty folder, without the mount, and give the copy what the platform needs to start."""
    platform = Platform(folder / 'unmounted')
    shutil.copytree(checkout, platform.path, ignore=LEFT_OUT)
    (platform.path / 'config.py').write_text(CONFIG)
    (platform.path / 'service-account.json').write_text(json.dumps(service_account()))
    for name in ('secret_key', 'secret_csrf'):
        (platform.path / name).write_bytes(os.urandom(24))
    # The platform asks for the commit that it is at.
    platform.git('init', '--quiet')
    platform.git('add', '--all')
    platform.git('commit', '--quiet', '--message', 'The platform')
    # Where the pages have a clone of this repository.
    (folder / 'mod_runs_api').symlink_to(ROOT)
    return platform


def copy(platform, name, *, mounted=False, config=''):
    """Copy a prepared platform to a folder beside it, with a bare mount if asked to, and with further settings."""
    made = Platform(platform.path.with_name(name))
    shutil.copytree(platform.path, made.path)
    if mounted:
        made.add_folder()
    for file, code in (('run.py', MOUNT * mounted), ('config.py', config)):
        with open(made.path / file, 'a') as opened:
            opened.write(code)
    return made


def copy_for_stories(platform, mails):
    """Copy a prepared platform, with some mails, and with all settings that the stories need."""
    made = copy(platform, 'stories', config=SETTINGS)
    made.commit_with_folder(*mails)
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
