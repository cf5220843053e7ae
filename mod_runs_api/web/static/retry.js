// The buttons that retry a run, and the dialog that they share: templates/runs_api/retry.html.
// It does nothing that a Content-Security-Policy of "default-src 'self'" forbids.

// The milliseconds until a request is given up. The idempotency key ensures that sending it again creates one run.
const TIMEOUT = 30000;

// A screen reader announces the limit of the reason when so many characters are left.
const FEW = 20;

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
// Cancels the request for the preview when the dialog is closed.
let previewing;

function part(name) {
  return form.querySelector(`[data-part=${name}]`);
}

// crypto.randomUUID exists only on pages with HTTPS.
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// The length in code points, because the server counts these. The attribute maxlength counts UTF-16 units.
function length() {
  return [...reason.value.trim()].length;
}

function open(button) {
  opener = button;
  key = newKey();
  form.reset();
  form.querySelector('h2').textContent = `Retry run ${button.dataset.runId}`;
  alert.textContent = '';
  setSending(false);
  showCount();
  dialog.showModal();
  preview();
}

// Show the preview, as far as it is known. Until then, and without it, both choices may be sent.
function show({ all, failed_only: failed }, hint = failed?.hint ?? '') {
  showChoice('all', all, 'all tests', 'its only test', `all ${all?.test_count} tests`);
  showChoice('failed', failed, 'only those that did not pass', 'only the one that did not pass',
    `only the ${failed?.test_count} that did not pass`);
  submit.disabled = Boolean(all?.refusal && failed?.refusal);
  part('hint').textContent = hint;
  // A choice that was hidden cannot keep the focus.
  if (document.activeElement.closest('[hidden]')) firstChoice().focus();
}

function firstChoice() {
  return form.querySelector('label:not([hidden]) [name=tests]') ?? cancel;
}

function showChoice(name, choice, unknown, one, several) {
  const { refusal } = choice ?? {};
  const input = part(name).querySelector('input');
  part(name).hidden = Boolean(refusal);
  part(`${name}-text`).textContent = !choice ? unknown : choice.test_count === 1 ? one : several;
  part(`${name}-refusal`).hidden = !refusal;
  part(`${name}-refusal`).textContent = refusal
    ? `Running ${name === 'all' ? 'all' : 'only the failed'} tests is not possible. ${sentence(422, refusal)}` : '';
  if (refusal && input.checked) {
    // The user chooses again, so that nothing is sent that the dialog does not show.
    input.checked = false;
    status.textContent = part(`${name}-refusal`).textContent;
  }
}

async function preview() {
  previewing?.abort();
  previewing = new AbortController();
  const { signal } = previewing;
  show({}, 'Loading the numbers of tests…');
  try {
    const response = await fetch(opener.dataset.url, { headers: { 'X-CSRFToken': dialog.dataset.csrfToken }, signal });
    if (!response.ok) throw new Error(response.status);
    show(await response.json());
  } catch {
    if (!signal.aborted) show({}, 'The numbers of tests could not be loaded. You can send the retry all the same.');
  }
}

function setSending(now) {
  sending = now;
  form.setAttribute('aria-busy', now);
  // The attribute disabled would take the keyboard's focus away.
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
  // The text does not change with each key, so that it is read out once.
  status.textContent = left < 0 ? 'The reason is too long.' : left <= FEW ? `At most ${FEW} characters left.` : '';
}

function fail(text) {
  alert.textContent = text;
  // A browser may close the dialog at a second Escape even if the page prevents it.
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
  let replayed = false;
  try {
    const response = await fetch(opener.dataset.url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-CSRFToken': dialog.dataset.csrfToken, 'Idempotency-Key': key },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT),
    });
    code = response.status;
    replayed = response.headers.has('Idempotent-Replayed');
    answer = await response.json() ?? {};
  } catch {
    // There is no answer, or it does not come from the API but from a proxy.
  }
  if (code === 202 && answer.new_run_id) {
    const opening = `Opening run ${answer.new_run_id}${replayed ? ' of your earlier request' : ''}…`;
    submit.textContent = status.textContent = opening;
    location.assign(dialog.dataset.runPage.replace('{run_id}', answer.new_run_id));
    return;
  }
  setSending(false);
  fail(sentence(code, answer));
  // After any other error the key stays, so that sending again creates one run.
  if (answer.details?.refusal === 'key_reused') key = newKey();
}

// Say why nothing was created: in the server's words, except where these are about tokens and keys.
function sentence(code, { message, details = {} }) {
  if (code === 0 || code === 202) {
    return 'No answer came from the server. Send it again: only one run is created, even if the first request arrived.';
  }
  if (code === 401) return 'You are not logged in any more, or this page is too old. Log in, then reload the page.';
  if (!message) return `The server did not answer as expected (${code}). Try again, or tell an administrator.`;
  if (details.refusal === 'key_reused') {
    return 'Your earlier request did arrive, and created a run with the choices that you had made by then. Reload the '
      + 'page to see it, or send again to create another run.';
  }
  if (details.fields) return `${message} ${fieldMessages(details.fields)}`;
  if (details.inactive_ids?.length) return `${message} (${listIds(details.inactive_ids)})`;
  return message;
}

function fieldMessages(fields) {
  return Object.entries(fields).map(([name, messages]) => `${name}: ${[messages].flat().join(' ')}`).join(' ');
}

function listIds(ids) {
  return ids.length > 10 ? `${ids.slice(0, 10).join(', ')} and ${ids.length - 10} more` : ids.join(', ');
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (sending) return;
  if (!form.elements.tests.value) {
    fail('Choose which tests to run again.');
    firstChoice().focus();
  } else if (length() > limit) {
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
// In Safari a pressed button gets no focus, so the browser would not return the focus to it.
dialog.addEventListener('close', () => {
  previewing?.abort();
  opener.focus();
});
// The browser may keep this page and show it again. The dialog must not be open then.
addEventListener('pagehide', () => {
  dialog.close();
});

// A page of another origin could show this page in a frame, and trick the user into pressing the button.
function isFramedByAnotherOrigin() {
  try {
    // Reading a document of another origin throws.
    for (let frame = window; frame !== window.top; frame = frame.parent) frame.parent.document;
    return false;
  } catch {
    return true;
  }
}

// In a row of a table, the dialog would look like a cell, and would disappear if the row is filtered out.
document.body.append(dialog);
if (!isFramedByAnotherOrigin()) {
  for (const button of document.querySelectorAll('.runs-api-retry')) {
    button.addEventListener('click', () => open(button));
    button.hidden = false;
  }
}
