// The buttons that retry a run, and the dialog that they share: templates/runs_api/retry.html.
// It does nothing that a Content-Security-Policy of "default-src 'self'" forbids.

// The milliseconds until a request is given up. The idempotency key ensures that sending it again creates one run.
const TIMEOUT = 30000;

// A screen reader announces the limit of the reason when so many characters are left.
const FEW = 20;

const buttons = [...document.querySelectorAll('.runs-api-retry')];
const dialog = document.getElementById('runs-api-dialog');
const form = dialog.querySelector('form');
const title = form.querySelector('h2');
const reason = form.querySelector('textarea');
const submit = form.querySelector('[type=submit]');
const cancel = part('cancel');
const count = form.querySelector('.runs-api-count');
const errorLine = form.querySelector('[role=alert]');
const statusLine = form.querySelector('[role=status]');
const limit = Number(reason.dataset.limit);

let opener;
// The number of this opening of the dialog. An answer for an earlier one is ignored.
let opening = 0;
// 'idle', 'sending' until the answer, or 'leaving' until the page of the new run is there.
let state = 'idle';
// The preview and the hint that the dialog shows, and whether anything can be sent.
let shown;
let isPossible;
// Whether the user has chosen the tests, or sent a request, since this opening.
let isChosen;
// The requests of this page that may have created a run, the last one at the end.
let requests = [];

function part(name) {
  return form.querySelector(`[data-part=${name}]`);
}

// Return the last request for the run of the dialog, if it may have created a run.
function findEarlier() {
  return requests.findLast(({ url }) => url === opener.dataset.url);
}

function forget(request) {
  requests = requests.filter((kept) => kept !== request);
}

// crypto.randomUUID exists only on pages with HTTPS.
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// The length in code points, because the server counts these. The attribute maxlength counts UTF-16 units.
function length() {
  return [...reason.value.trim()].length;
}

// Assigning the same text again could announce it again.
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function open(button) {
  opening += 1;
  opener = button;
  isChosen = false;
  form.reset();
  const earlier = findEarlier();
  if (earlier) {
    form.elements.tests.value = earlier.tests;
    reason.value = earlier.reason;
  }
  part('earlier').hidden = !earlier;
  title.textContent = `Retry run ${button.dataset.runId}`;
  write(errorLine, '');
  setState('idle');
  showCount();
  dialog.showModal();
  preview();
  form.querySelector(':checked').focus();
}

// Show the preview, as far as it is known. Until then, and without it, both choices may be sent.
function show({ all, failed_only: failed }, hint = failed?.hint ?? '') {
  shown = [{ all, failed_only: failed }, hint];
  showChoice('all', all, 'all tests', 'its only test', `all ${all?.test_count} tests`);
  showChoice('failed', failed, 'only those that did not pass', 'only the one that did not pass',
    `only the ${failed?.test_count} that did not pass`);
  // The dialog begins with the tests that did not pass, unless they cannot be run.
  if (!isChosen && !form.elements.tests.value && !part('all').hidden) {
    form.elements.tests.value = 'all';
    write(statusLine, `${part('failed-refusal').textContent} All tests are selected.`);
  }
  write(part('hint'), hint);
  if (part('all').hidden && part('failed').hidden) refuse(findReason(all, failed));
  else setPossible(true);
}

// Why both kinds of retry are refused: often by the same sentence, which is said once.
function findReason({ refusal: all }, { refusal: failed }) {
  return all.message === failed.message ? all.message
    : `${part('all-refusal').textContent}\n${part('failed-refusal').textContent}`;
}

// Show why nothing can be sent, and nothing else.
function refuse(reason) {
  write(statusLine, '');
  fail(reason);
  setPossible(false);
}

function setPossible(now) {
  isPossible = now;
  for (const name of ['offer', 'choices', 'reason']) part(name).hidden = !isPossible;
  submit.hidden = !isPossible;
  nameCancel();
  // What is hidden cannot keep the focus. On the title, a key that the user is just pressing does nothing.
  if (document.activeElement.closest('[hidden]')) (firstChoice() ?? title).focus();
}

// If nothing can be sent, there is nothing to cancel. A request that is being sent goes on.
function nameCancel() {
  cancel.textContent = state === 'idle' && isPossible ? 'Cancel' : 'Close';
}

function firstChoice() {
  return isPossible ? form.querySelector('label:not([hidden]) [name=tests]') : null;
}

function showChoice(name, choice, unknown, one, several) {
  const { refusal } = choice ?? {};
  const input = part(name).querySelector('input');
  // The run that the earlier request created may be the reason of the refusal.
  const isEarlier = findEarlier()?.tests === name;
  part(name).hidden = Boolean(refusal) && !isEarlier;
  part(`${name}-text`).textContent =
    !choice || (refusal && isEarlier) ? unknown : (choice.test_count === 1 ? one : several) + leftOut(choice);
  part(`${name}-refusal`).hidden = !refusal;
  part(`${name}-refusal`).textContent = refusal
    ? `Running ${name === 'all' ? 'all' : 'only the failed'} tests is not possible. ${sentence(422, refusal)}`
      + (isEarlier ? ' Your earlier request may be the reason, and can be sent again unchanged.' : '') : '';
  if (refusal && input.checked) {
    // The user chooses again, so that nothing is sent that the dialog does not show.
    input.checked = isEarlier;
    // Otherwise the line says that the request is being sent.
    if (state === 'idle') write(statusLine, part(`${name}-refusal`).textContent);
  }
}

function leftOut({ inactive_ids: ids }) {
  return ids.length ? `, without ${ids.length} inactive ${ids.length === 1 ? 'one' : 'ones'}` : '';
}

async function preview() {
  show({}, 'Loading the numbers of tests…');
  const { isLate, code, answer } = await request();
  if (isLate || state === 'leaving') return;
  if (code === 200 && answer.all) {
    // Otherwise the line says that the request is being sent.
    if (state === 'idle') write(statusLine, 'The numbers of tests are loaded.');
    show(answer);
  } else if (code >= 400 && code < 500 && code !== 429) {
    show({}, '');
    // The answer to a request that is being sent will say more.
    if (state === 'idle') refuse(sentence(code, answer));
  } else {
    show({}, 'The numbers of tests could not be loaded. You can send the retry all the same.');
  }
}

// Send a request, and return its answer. Without an answer, the code is 0.
async function request({ headers, ...options } = {}) {
  const own = opening;
  const result = { code: 0, answer: {} };
  try {
    const response = await fetch(opener.dataset.url, {
      headers: { 'X-CSRFToken': dialog.dataset.csrfToken, ...headers },
      signal: AbortSignal.timeout(TIMEOUT),
      ...options,
    });
    result.code = response.status;
    result.isReplayed = response.headers.has('Idempotent-Replayed');
    result.answer = await response.json() ?? {};
  } catch {
    // There is no answer, or it does not come from the API but from a proxy.
  }
  return { ...result, isLate: own !== opening || !dialog.open };
}

function setState(now, text = '') {
  state = now;
  // The attribute disabled would take the keyboard's focus away.
  submit.setAttribute('aria-disabled', now !== 'idle');
  submit.textContent = text || `Retry run ${opener.dataset.runId}`;
  nameCancel();
  write(statusLine, text);
}

function showCount() {
  const left = limit - length();
  write(count, left < 0 ? `${-left} ${left === -1 ? 'character' : 'characters'} too many`
    : `${limit - left} of ${limit} characters`);
  count.classList.toggle('runs-api-error', left < 0);
  reason.setAttribute('aria-invalid', left < 0);
  // The text does not change with each key, so that it is read out once.
  write(statusLine, left < 0 ? 'The reason is too long.' : left <= FEW ? `At most ${FEW} characters left.` : '');
}

function fail(text) {
  write(errorLine, text);
  errorLine.scrollIntoView({ block: 'nearest' });
}

async function send() {
  const { url } = opener.dataset;
  const tests = form.elements.tests.value;
  const text = reason.value.trim();
  const body = JSON.stringify({ failed_only: tests === 'failed', ...(text && { reason: text }) });
  // With another choice or reason it is another request.
  const sent = requests.find((kept) => kept.url === url && kept.body === body)
    ?? { url, body, tests, reason: text, key: newKey() };
  forget(sent);
  requests.push(sent);
  isChosen = true;
  write(errorLine, '');
  setState('sending', 'Sending…');
  const { isLate, code, answer, isReplayed } = await request({
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': sent.key },
    body,
  });
  if (isLate) return;
  if (code === 202 && answer.new_run_id) {
    forget(sent);
    setState('leaving', `Opening run ${answer.new_run_id}${isReplayed ? ' of your earlier request' : ''}…`);
    location.assign(dialog.dataset.runPage.replace('{run_id}', answer.new_run_id));
    return;
  }
  setState('idle');
  // After any other answer the request keeps its key, so that sending it again creates one run.
  if (code === 422) {
    forget(sent);
    part('earlier').hidden ||= !findEarlier();
    show(...shown);
  }
  fail(sentence(code, answer));
}

// Say why nothing was created: in the server's words, except where these are about tokens.
function sentence(code, { message, details }) {
  const again = 'Send it again unchanged: only one run is created, even if the first request arrived.';
  if (code === 0 || code === 202) return `No answer came from the server. ${again}`;
  if (code === 401) {
    return 'This page is too old, or you were logged out. Reload this page, and log in if asked.';
  }
  // Errors of the API have details, those of a proxy do not.
  if (!details) {
    return `The server did not answer as expected (${code}). `
      + (code >= 500 ? again : 'Try again, or tell an administrator.');
  }
  if (details.fields) return `${message} ${fieldMessages(details.fields)}`;
  return message;
}

function fieldMessages(fields) {
  return Object.entries(fields).map(([name, messages]) => `${name}: ${[messages].flat().join(' ')}`).join(' ');
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (state !== 'idle') return;
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
// The choice that the dialog begins with can be pressed, too: that changes nothing, but it is the user's then.
form.elements.tests.forEach((input) => input.addEventListener('click', () => { isChosen = true; }));
reason.addEventListener('input', showCount);
cancel.addEventListener('click', () => dialog.close());
dialog.addEventListener('close', () => {
  if (state === 'leaving') window.stop();
  // In Safari a pressed button gets no focus, so the browser would not return the focus to it.
  opener.focus();
});
// The browser may keep this page, and show it to somebody else.
addEventListener('pagehide', () => {
  state = 'idle';
  requests = [];
  form.reset();
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
  for (const button of buttons) {
    button.addEventListener('click', () => open(button));
    button.hidden = false;
  }
}
