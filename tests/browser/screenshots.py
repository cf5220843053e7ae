"""
Make the pictures of the docs anew: `python tests/browser/screenshots.py`, with `pip install -e '.[test,browser]'`.

They are of the miniature, in `docs/images`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

if __name__ == '__main__':
    sys.path[:0] = [str(Path(__file__).parents[1] / 'miniature'), str(Path(__file__).parents[1])]

from playwright.sync_api import Page, sync_playwright
from served import Site, launch, seeded, served

FOLDER = Path(__file__).parents[2] / 'docs' / 'images'
SIZE = {'width': 640, 'height': 520}


def dialog(site: Site, page: Page) -> None:
    """Show the dialog, filled in."""
    page.goto(site.page)
    page.get_by_role('button', name='Retry this run').click()
    page.get_by_label('only the 3 that failed').check()
    page.get_by_label('Reason').fill('flaky VM')


def retry_history(site: Site, page: Page) -> None:
    """Show the page of a retry that was retried itself."""
    dialog(site, page)
    page.locator('[type=submit]').click()
    page.wait_for_url(site.page_of(site.run_id + 1))
    page.get_by_role('button', name='Retry this run').click()
    page.get_by_label('Reason').fill('once more, to be sure')
    page.locator('[type=submit]').click()
    page.wait_for_url(site.page_of(site.run_id + 2))
    page.goto(site.page_of(site.run_id + 1))


def main() -> None:
    """Make both pictures."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        database = Path(folder, 'miniature.db')
        with served(database, seeded(database)) as site:
            browser = launch(playwright)
            for show, scheme in ((dialog, 'light'), (retry_history, 'dark')):
                page = browser.new_page(viewport=SIZE, color_scheme=scheme)
                page.goto(f'{site.address}/enter/alice')
                show(site, page)
                page.screenshot(path=FOLDER / f'{show.__name__.replace("_", "-")}.png')
            browser.close()


if __name__ == '__main__':
    main()
