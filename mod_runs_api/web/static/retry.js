// The buttons that retry a run, and the one dialog of the page that they open: templates/runs_api/retry.html.
// Plain DOM, and nothing that a Content-Security-Policy of "default-src 'self'" forbids.

// After this long without an answer the user may send again: the key makes sure that only one run is created.
const PATIENCE = 30000;

// How close to the limit a screen reader is told of it.
const NEAR = 20;

const dialog = document.getElementById('runs-api-dialog');
const form = dialog.querySelector('form');
const reason = form.querySelector('textarea');
const submit = form.querySelector('[type=submit]');
const cancel = part('cancel');
const count = form.querySelector('.runs-api-count');
const alert = form.querySelector('[role=alert]');
const status = form.querySelector('[role=status]');
const limit = Number(reason.dataset.limit);

let opener;
let key;
let sending = false;
// Stops asking what a retry would do, when the dialog is closed.
let asking;

function part(name) {
  return form.querySelector(`[data-part=${name}]`);
}

// Not crypto.randomUUID, which pages without HTTPS do not have.
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// As the server counts: code points, not the UTF-16 units of maxlength.
function length() {
  return [...reason.value.trim()].length;
}

function open(button) {
  opener = button;
  key = newKey();
  form.reset();
  form.querySelector('h2').textContent = `Retry run ${button.dataset.runId}`;
  show({});
  alert.textContent = '';
  setSending(false);
  showCount();
  dialog.showModal();
  preview();
}

// Say what a retry would do, as far as it is known. Without an answer both kinds can be tried.
function show({ all, failed_only: failed }) {
  showChoice('all', all, 'all tests', 'its only test', `all ${all?.test_count} tests`);
  showChoice('failed', failed, 'only those that did not pass', 'only the one that did not pass',
    `only the ${failed?.test_count} that did not pass`);
  if (all?.refusal) form.elements.tests.value = 'failed';
  submit.disabled = Boolean(all?.refusal && failed.refusal);
  if (submit.disabled) status.textContent = part('all-refusal').textContent;
  part('hint').hidden = !failed?.hint;
  part('hint').textContent = failed?.hint ?? '';
}

function showChoice(name, choice, unknown, one, several) {
  const { refusal } = choice ?? {};
  part(name).hidden = Boolean(refusal);
  part(`${name}-text`).textContent = !choice ? unknown : choice.test_count === 1 ? one : several;
  part(`${name}-refusal`).hidden = !refusal;
  part(`${name}-refusal`).textContent = refusal
    ? `Running ${name === 'all' ? 'all' : 'only the failed'} tests is not possible. ${sentence(422, refusal)}` : '';
}

async function preview() {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  try {
    const response = await fetch(opener.dataset.url, { headers: { 'X-CSRFToken': dialog.dataset.csrfToken }, signal });
    if (response.ok) show(await response.json());
  } catch {
    // Sending it tells the same.
  }
}

function setSending(now) {
  sending = now;
  form.setAttribute('aria-busy', now);
  // Not disabled: that would take the keyboard's focus away.
  submit.setAttribute('aria-disabled', now);
  submit.textContent = now ? 'Sending…' : `Retry run ${opener.dataset.runId}`;
  cancel.disabled = now;
  status.textContent = now ? 'Sending…' : '';
}

function showCount() {
  const left = limit - length();
  count.textContent = left < 0 ? `${-left} ${left === -1 ? 'character' : 'characters'} too many` : `${limit - left} of ${limit} characters`;
  count.classList.toggle('runs-api-error', left < 0);
  reason.setAttribute('aria-invalid', left < 0);
  // The same words at every key: they are read out once.
  status.textContent = left < 0 ? 'The reason is too long.' : left <= NEAR ? `At most ${NEAR} characters left.` : '';
}

function fail(text) {
  alert.textContent = text;
  // A browser may close the dialog at a second Escape whatever the page says.
  if (!dialog.open) dialog.showModal();
  alert.scrollIntoView({ block: 'nearest' });
}

async function send() {
  const body = { failed_only: form.elements.tests.value === 'failed' };
  if (length()) body.reason = reason.value.trim();
  alert.textContent = '';
  setSending(true);
  let code = 0;
  let answer = {};
  try {
    const response = await fetch(opener.dataset.url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-CSRFToken': dialog.dataset.csrfToken, 'Idempotency-Key': key },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE),
    });
    code = response.status;
    answer = await response.json();
  } catch {
    // No answer, or one that is not the API's: the page of a proxy.
  }
  if (code === 202 && answer.new_run_id) {
    submit.textContent = status.textContent = `Opening run ${answer.new_run_id}…`;
    location.assign(dialog.dataset.runPage.replace('{run_id}', answer.new_run_id));
    return;
  }
  setSending(false);
  fail(sentence(code, answer));
  // Otherwise the key stays: what went wrong on the way, or was refused, may be sent again and makes one run.
  if (answer.details?.refusal === 'key_reused') key = newKey();
}

function sentence(code, { message, details = {} }) {
  const run = `Run ${opener.dataset.runId}`;
  if (code === 0 || code === 202) {
    return 'No answer came from the server. Send it again: that makes one run, even if the first one arrived.';
  }
  if (code === 401) return 'You are not logged in any more, or this page is too old. Log in, then reload the page.';
  if (code === 403) return 'Your role does not allow you to retry runs.';
  if (code === 404) return `${run} does not exist any more.`;
  if (code === 413) return 'The reason is too long to be sent.';
  if (code === 429) return `You have sent too many requests. Try again ${inSeconds(details.retry_after)}.`;
  if (code === 503) return 'The server cannot store a run just now. Try again in a few seconds.';
  if (code >= 500) return 'Something went wrong on the server. Try again; if that does not help, tell an administrator.';
  if (details.fields) return `This cannot be sent. ${fieldMessages(details.fields)}`;
  if (details.refusal === 'inactive_tests' && details.inactive_ids.length) {
    return `Some tests are inactive now and cannot be run: ${listIds(details.inactive_ids)}.`;
  }
  if (details.refusal === 'key_reused') {
    return 'An earlier try did arrive, and made a run with what you had chosen then: reload the page to see it. '
      + 'Send again to make another run.';
  }
  return message ?? `The server refused this (${code}).`;
}

function inSeconds(seconds) {
  return seconds === undefined ? 'later' : seconds === 1 ? 'in 1 second' : `in ${seconds} seconds`;
}

function fieldMessages(said) {
  return Object.entries(said).map(([name, messages]) => `${name}: ${[messages].flat().join(' ')}`).join(' ');
}

function listIds(ids) {
  return ids.length > 10 ? `${ids.slice(0, 10).join(', ')} and ${ids.length - 10} more` : ids.join(', ');
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (sending) return;
  if (length() > limit) {
    fail(`The reason is too long: it may have ${limit} characters.`);
    reason.focus();
  } else {
    send();
  }
});
reason.addEventListener('input', showCount);
cancel.addEventListener('click', () => dialog.close());
dialog.addEventListener('cancel', (event) => {
  if (sending) event.preventDefault();
});
// By itself the focus returns to where it was, which is not the button if pressing gave it none: in Safari.
dialog.addEventListener('close', () => {
  asking?.abort();
  opener.focus();
});
// The browser may keep this page and show it again: it must not come back still sending.
addEventListener('pagehide', () => {
  dialog.close();
});

// A page of another origin that shows this one in a frame could have its button pressed unseen.
function isFramedByAnotherOrigin() {
  try {
    // Reading a document of another origin throws.
    for (let frame = window; frame !== window.top; frame = frame.parent) frame.parent.document;
    return false;
  } catch {
    return true;
  }
}

// Among the rows of a table the dialog would look like a cell, and not be there when its row is filtered out.
document.body.append(dialog);
if (!isFramedByAnotherOrigin()) {
  for (const button of document.querySelectorAll('.runs-api-retry')) {
    button.addEventListener('click', () => open(button));
    button.hidden = false;
  }
}
