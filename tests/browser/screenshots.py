"""
Make the pictures of the docs anew: `python tests/browser/screenshots.py`, with `pip install -e '.[test,browser]'`.

They are of the miniature, in `docs/images`.
"""

import sys
import tempfile
from pathlib import Path

if __name__ == '__main__':
    sys.path[:0] = [str(Path(__file__).parents[1] / 'miniature'), str(Path(__file__).parents[1])]

from chromium import Page, running
from served import served

FOLDER = Path(__file__).parents[2] / 'docs' / 'images'
#: A border around the part of the page that is shown, in pixels.
BORDER = 16


def picture(page: Page, selector: str, name: str) -> None:
    """Write a part of the page, and a little around it, to a file."""
    box = page.locator(selector).bounding_box()
    assert box is not None
    page.screenshot(path=FOLDER / f'{name}.png', clip={
        'x': max(0, box['x'] - BORDER), 'y': max(0, box['y'] - BORDER),
        'width': box['width'] + 2 * BORDER, 'height': box['height'] + 2 * BORDER})


def main() -> None:
    """Make the picture of the dialog of a run that was retried once, and that of the history of three attempts."""
    with tempfile.TemporaryDirectory() as folder, running() as browser, served(Path(folder)) as site:
        light, dark = (browser.new_page(viewport={'width': 800, 'height': 1000}, color_scheme=scheme)
                       for scheme in ('light', 'dark'))
        second = site.retry(site.run_id, failed_only=True, reason='flaky VM')
        site.work(2, 8)
        light.goto(f'{site.address}/account/login?name=alice')
        light.goto(site.page)
        light.get_by_role('button', name='Retry this run').click()
        light.get_by_label('only the 3 that did not pass').check()
        light.get_by_label('Reason').fill('flaky VM')
        picture(light, '.runs-api-dialog', 'dialog')
        third = site.retry(second, failed_only=True, reason='once more')
        site.work(2)
        dark.goto(f'{site.address}/account/login?name=alice')
        dark.goto(site.page_of(third))
        picture(dark, '.runs-api-history', 'retry-history')


if __name__ == '__main__':
    main()
