"""The mails for the platform: those that a retry needs, and then those beside them."""

from on_platform.checkout import PATCHES, copy_for_stories, read_mails
from support.documents import ROOT

#: Those that no retry needs, by what follows the number in their names, in their order.
OTHERS = read_mails(ROOT / 'contrib' / 'platform')

#: All mails, in the order in which they are applied.
ALL = {**PATCHES, **OTHERS}

#: Those that the stories are told without.
EDITS_OF_THE_DATABASE = ('pool-pre-ping', 'create-all-once')


def copy_with_all(unmounted):
    """Copy a prepared platform, with all mails but the edits of ``database.py``."""
    return copy_for_stories(unmounted, [mail for name, mail in ALL.items() if name not in EDITS_OF_THE_DATABASE])
