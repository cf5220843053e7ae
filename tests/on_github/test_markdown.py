"""Which lines of a comment are read for commands (docs/github.rst, "Comments")."""

import sys

import pytest

from mod_runs_api.github.markdown import find_visible_lines

HIDDEN = {
    'in fenced code': [
        '```\n/retry\n```', '~~~\n/retry\n~~~', '``` js\n/retry\n```', 'text\n```\n/retry\n```', '```\n/retry',
        '~~~\n```\n/retry', '```\n~~~\n/retry', '````\n```\n/retry\n````',
        '```\r\n/retry\r\n```', '```\r/retry', '```\n<!--\n/retry\n-->\n```',
        '- a\n```\n/retry', '- a\n\n  ```\n  b\n  ```\n\n```\n/retry', '> a\n```\n/retry',
        # These are no ends of lines in Markdown.
        '\f\x85\u2028\0a\n```\n/retry\n```'],
    'in an HTML block that is shown as code': [
        '<pre>\n/retry\n</pre>', '  <PRE class="a">\n\n/retry\n</pre>', 'a\n<pre>\n/retry', '<pre\n>\n/retry\n</pre>',
        '<details><summary>Log</summary>\n<pre>\n/retry\n</pre></details>'],
    'in an HTML comment': [
        '<!-- /retry -->', '<!--\n/retry\n-->', '<!--\n\n/retry\n-->', '<!--\n/retry', 'a <!--\n/retry\n--> b',
        '<!-- a -->\n<!--\n/retry\n-->', '<!--\n```\n/retry\n-->', '<!-- a -->/retry', '- <!--\n/retry']}


@pytest.mark.parametrize('texts', HIDDEN.values(), ids=HIDDEN)
def test_a_line_is_not_visible(texts):
    assert [text for text in texts if '/retry' in find_visible_lines(text)] == []


@pytest.mark.parametrize('text', [
    'a\n\n/retry\n\nb', 'a\r\n/retry\r\nb', 'a\r/retry\rb', '> a\n/retry', '- a\n/retry', '# a\n/retry\n# b',
    '\f\x85\u2028\0\n```\na\n```\n/retry',
    '```\na\n```\n/retry', '~~~\na\n~~~\n/retry', '```a`\n/retry', '    ```\n/retry', '> ```\n/retry',
    # A fence in an item of a list ends with the item.
    '- ```\n  a\n  ```\n/retry', '- ```\n/retry', '- a\n  1. b\n\n     ```\n     c\n/retry',
    # What opens a comment is none in code, and what opens code is none in a comment.
    '```\n<!--\n```\n/retry', '    <!--\n/retry', '+ ```\n  <!--\n  ```\n/retry', '<!--\n```\n-->\n/retry',
    '<pre>\n</pre>\n/retry', '<prefix>\n/retry', '<div>\n/retry\n</div>',
    '<!- a\n/retry', '<!-- a -->\n/retry', 'a <!-- b -->\n/retry', 'a -->\n/retry', '/retry\n```\na',
    # As on GitHub, these two are whole.
    '<!-->\n/retry', '<!--->\n/retry'])
def test_a_line_is_visible_beside_all_that(text):
    assert '/retry' in find_visible_lines(text)


def test_within_a_line_an_html_comment_is_a_blank():
    assert find_visible_lines('/retry<!-- not windows -->linux') == ['/retry linux']


def count_calls(comment):
    """Return the number of calls while a comment is read."""
    count = 0

    def note(_frame, event, _called):
        nonlocal count
        count += event in ('call', 'c_call')

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        find_visible_lines(comment)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize('part', [
    # Block quotes make this one quadratic.
    '> # a\nb\n',
    '- ', '- a\n', '- a\n* a\n', '- a\n  ```\n', '~~~\n', '# a\n', '[a]: b\n'])
def test_reading_takes_calls_in_proportion_to_the_length(part):
    short, long = (count_calls(part * (length // len(part))) for length in (800, 3_200))

    assert long < 5 * short
