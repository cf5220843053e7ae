// What attempts prove, in the words of the platform's own pages and of the reports on GitHub.

import { hasEnded, type Attempt, type Cause, type Outcome, type Verdict } from "@/retry/api";

type Finding = Exclude<Verdict, "passed">;

/** What is said of one test and of several, in the order in which a reader wants to know it. */
export const PHRASES: Record<Finding, [one: string, several: string]> = {
  flaky: ["is flaky", "are flaky"],
  failing_identically: ["fails each time in the same way", "fail each time in the same way"],
  failing_differently: ["fails each time but not in the same way", "fail each time but not in the same way"],
  failed_once: ["failed in the only attempt that ran it", "failed in the only attempt that ran them"],
  never_ran: ["never ran", "never ran"],
  expectation_changed: [
    "cannot be judged because its expected result changed",
    "cannot be judged because their expected results changed",
  ],
};

export const FINDINGS = Object.keys(PHRASES) as Finding[];

export const counted = (n: number, noun: string) => `${n} ${noun}${n === 1 ? "" : "s"}`;

/** The attempts that prove anything: those that have ended and ran a test themselves. */
export const evidence = (attempts: Attempt[]) =>
  attempts.filter((a) => hasEnded(a) && a.passed + a.failed > a.carried_over);

/**
 * "Over 3 attempts 2 tests are flaky and 1 fails each time in the same way."
 *
 * Empty below two attempts: one alone proves nothing.
 */
export function sentence(attempts: Attempt[], counts: Record<Verdict, number>): string {
  const ran = evidence(attempts).length;
  if (ran < 2) return "";
  const said = FINDINGS.filter((f) => counts[f] > 0).map((f, i) => {
    // Only the first says what is counted.
    const count = i === 0 ? counted(counts[f], "test") : counts[f];
    return `${count} ${PHRASES[f][counts[f] === 1 ? 0 : 1]}`;
  });
  const last = said.pop() ?? "every test passed each time";
  return `Over ${counted(ran, "attempt")} ${said.length > 0 ? `${said.join(", ")} and ` : ""}${last}.`;
}

export const OUTCOMES: Record<Outcome, string> = {
  pass: "passed",
  fail: "failed",
  missing_output: "an output is missing",
  not_run: "did not run",
  carried_over: "carried over",
};

export const CAUSES: Record<Cause, { title: string; short: string }> = {
  decision: { title: "Canceled on purpose — this says nothing about the code", short: "on purpose" },
  build: { title: "There was no build to test", short: "build" },
  code: { title: "A test ran into the time limit — the code hangs", short: "code" },
  infrastructure: {
    title: "Infrastructure problem — what is missing or failed here may not be caused by the code",
    short: "infrastructure",
  },
  unknown: { title: "Ended early, for a reason that is not known", short: "unknown" },
};
