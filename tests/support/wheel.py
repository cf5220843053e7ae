"""Mount the installed package in the miniature, and retry a run: everything must be in the wheel."""

from importlib.metadata import version
from pathlib import Path

import seed
from application import create_app, dispose
from database import db

import mod_runs_api

app = create_app()
with app.app_context():
    db.create_all()
    run = seed.run([seed.regression_test()]).id
    token = seed.token(seed.user())
    db.session.commit()

client = app.test_client()
answer = client.post(f'/api/v1/runs/{run}/retry', headers={'Authorization': f'Bearer {token}'})
page = client.get(f'/test/{run}')

assert answer.status_code == 202 and answer.json, answer.text
assert page.status_code == 200 and 'runs-api-history' in page.text, page.text
assert Path(mod_runs_api.__file__).with_name('py.typed').exists()
assert version('mod-runs-api') == mod_runs_api.__version__
print(f'mod_runs_api {mod_runs_api.__version__} from {mod_runs_api.__file__}: {answer.json["message"]}')
dispose(app)
