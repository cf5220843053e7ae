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

import worker
from database import db
from flask import g
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestPlatform
from outcome import Outcome, passing
from playwright.sync_api import Page, sync_playwright
from served import Site, launch, seeded, served

from mod_runs_api import retry_run

FOLDER = Path(__file__).parents[2] / 'docs' / 'images'
#: A border around the part of the page that is shown, in pixels.
BORDER = 16


def retry(site: Site, run_id: int, failing: set[int], reason: str, **request: object) -> int:
    """Retry a run, let the worker see it through, and return the new run."""
    def outcome(run: Test, test: RegressionTest) -> Outcome:
        return passing(test).exits(139) if test.id in failing else passing(test)

    with site.app.app_context():
        g.db = db.session
        new_run_id = retry_run(run_id, reason=reason, requested_by='alice', **request).new_run_id
        worker.work_once(db.session, TestPlatform.linux, outcome)
    return new_run_id


def show_dialog(site: Site, page: Page) -> None:
    """Make the picture of the dialog of a run that was retried once."""
    page.goto(site.page)
    page.get_by_role('button', name='Retry this run').click()
    page.get_by_label('only the 3 that did not pass').check()
    page.get_by_label('Reason').fill('flaky VM')
    picture(page, '.runs-api-dialog', 'dialog')


def show_history(site: Site, page: Page, run_id: int) -> None:
    """Make the picture of the history of three attempts, on the page of the newest."""
    page.goto(site.page_of(run_id))
    picture(page, '.runs-api-history', 'retry-history')


def picture(page: Page, selector: str, name: str) -> None:
    """Write a part of the page, and a little around it, to a file."""
    box = page.locator(selector).bounding_box()
    assert box is not None
    page.screenshot(path=FOLDER / f'{name}.png', clip={
        'x': max(0, box['x'] - BORDER), 'y': max(0, box['y'] - BORDER),
        'width': box['width'] + 2 * BORDER, 'height': box['height'] + 2 * BORDER})


def main() -> None:
    """Make both pictures."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        database = Path(folder, 'miniature.db')
        with served(database, seeded(database)) as site:
            browser = launch(playwright)
            light, dark = (browser.new_page(viewport={'width': 800, 'height': 1000}, color_scheme=scheme)
                           for scheme in ('light', 'dark'))
            for page in (light, dark):
                page.goto(f'{site.address}/enter/alice')
            second = retry(site, site.run_id, {2, 8}, 'flaky VM', failed_only=True)
            show_dialog(site, light)
            third = retry(site, second, {2}, 'once more', failed_only=True)
            show_history(site, dark, third)
            browser.close()


if __name__ == '__main__':
    main()
