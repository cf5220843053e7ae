"""Checks of what the API and the commands answer."""

#: The message if the database is away.
AWAY = 'The database cannot be used at the moment. Try again later.'


def read_lines(result, columns):
    """Return the lines that a command has printed for a program. A line has its cells by the headings."""
    return [dict(zip(columns, line.split('\t'), strict=True)) for line in result.stdout.splitlines()]


#: What every answer of a route carries, good or bad: see docs/api.rst, "Errors".
SECURITY_HEADERS = {
    'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Cache-Control': 'no-store',
}


def assert_security_headers(response):
    """Check that a response has each of them, once."""
    assert {name: response.headers.getlist(name) for name in SECURITY_HEADERS} == {
        name: [value] for name, value in SECURITY_HEADERS.items()}


def assert_error(response, status, code, details=None):
    """Check that a response is an error in the one shape (docs/api.rst, "Errors"), and was counted."""
    assert response.status_code == status, response.text
    assert response.content_type == 'application/json'
    assert set(response.json) == {'code', 'message', 'details'}
    assert response.json['code'] == code
    assert 1 <= len(response.json['message']) <= 500
    if details is not None:
        assert response.json['details'] == details
    assert_security_headers(response)
    for name in ('X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'):
        assert len(response.headers.getlist(name)) == 1 and response.headers[name].isdigit()
    assert ('Retry-After' in response.headers) == (status in (429, 503))
