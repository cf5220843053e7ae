"""What README and docs say that can be checked without a platform. What they tell people to type: tests/on_platform."""

import re

from support.documents import PAGES, ROOT


def test_every_link_to_a_file_leads_to_one():
    links = {(page, ''.join(link)) for page in PAGES
             for link in re.findall(r'<([\w./-]+\.rst)(?:#[\w-]+)?>`_|:: (\S+\.png)', page.read_text())}

    assert links
    assert [(page, link) for page, link in links if not (page.parent / link).is_file()] == []


def test_every_path_that_is_named_is_there():
    paths = {(page, path) for page in PAGES
             for path in re.findall(r'``((?:docs|mod_runs_api|patches|tests)/[\w./-]*)``', page.read_text())}

    assert paths
    assert [(page, path) for page, path in paths if not (ROOT / path).exists()] == []


def test_every_page_and_section_that_the_code_names_is_there():
    code = ''.join(path.read_text() for folder in ('mod_runs_api', 'tests')
                   for path in (ROOT / folder).rglob('*.py'))
    named = set(re.findall(r'\b(docs/[\w/-]+\.rst)(?:,\s+"([^"]+)")?', code))

    assert named
    assert [(page, section) for page, section in sorted(named) if not re.search(
        rf'^{" ".join(section.split())}\n[=~-]+$' if section else '', (ROOT / page).read_text(), re.MULTILINE)] == []


def test_every_patch_is_offered_with_the_command_that_applies_it():
    commands = re.findall(r'\$ git am (?:--keep-non-patch )?\S*/(patches/\S+\.patch)$',
                          ''.join(page.read_text() for page in PAGES), re.MULTILINE)

    offered = [path for command in commands for path in ROOT.glob(command)]
    assert offered and sorted(offered) == sorted(ROOT.glob('patches/*/*.patch'))
