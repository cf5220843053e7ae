import { Link } from "@tanstack/react-router";
import { Check, CircleSlash, CornerDownRight, Minus, X } from "lucide-react";

import { useRunSamples } from "@/lib/api";
import { cn } from "@/lib/utils";
import type { Attempt, Outcome, TestVerdict } from "@/retry/api";
import { RunLink, ScrollTable } from "@/retry/ScrollTable";
import { FINDINGS, OUTCOMES, PHRASES } from "@/retry/words";

const SIGNS: Record<Outcome, { icon: typeof Check; tone: string }> = {
  pass: { icon: Check, tone: "text-success" },
  fail: { icon: X, tone: "text-destructive" },
  missing_output: { icon: CircleSlash, tone: "text-destructive" },
  not_run: { icon: Minus, tone: "text-muted-foreground" },
  carried_over: { icon: CornerDownRight, tone: "text-muted-foreground" },
};

/** How many attempts are compared: the newest. */
const COLUMNS = 10;

/** How the tests that did not simply pass came out in each attempt that ran any. */
export function VerdictGrid({
  tests,
  attempts,
  leftOut,
}: Readonly<{ tests: TestVerdict[]; attempts: Attempt[]; leftOut: number }>) {
  // A retry under way has few tests to name yet.
  const { data: samples = [] } = useRunSamples(attempts[0].run_id);
  const commands = new Map(samples.map((s) => [s.regression_test_id, s.command]));
  const shown = attempts.slice(-COLUMNS).toReversed();
  const rows = FINDINGS.flatMap((finding) =>
    tests.filter((t) => t.verdict === finding).map((test) => ({ test, phrase: PHRASES[finding][0] })),
  );

  return (
    <div className="mt-4">
      <h3 className="mb-2 text-[13px] font-medium">Tests that did not pass each time</h3>
      <ScrollTable label="Tests that did not pass each time">
        <thead>
          <tr className="border-b bg-muted/40 text-left text-muted-foreground">
            <th scope="col" className="px-3 py-2 font-medium">Test</th>
            {shown.map((a) => (
              <th key={a.run_id} scope="col" className="px-3 py-2 font-medium whitespace-nowrap">
                <RunLink runId={a.run_id} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ test, phrase }) => (
            <tr key={test.regression_test_id} className="border-b last:border-0">
              <th scope="row" className="max-w-72 min-w-40 px-3 py-2 text-left font-normal">
                <Link
                  to="/tests"
                  search={{ t: test.regression_test_id }}
                  className="flex items-center gap-2 hover:underline"
                >
                  <code>#{test.regression_test_id}</code>
                  <code className="min-w-0 flex-1 truncate">{commands.get(test.regression_test_id)}</code>
                </Link>
                <span className="text-muted-foreground">{phrase}</span>
              </th>
              {shown.map((a) => (
                <td key={a.run_id} className="px-3 py-2 whitespace-nowrap">
                  <Sign outcome={test.attempts.find((o) => o.run_id === a.run_id)?.outcome} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </ScrollTable>
      <LeftOut tests={leftOut} attempts={attempts.length - shown.length} />
    </div>
  );
}

function Sign({ outcome }: Readonly<{ outcome: Outcome | undefined }>) {
  if (!outcome) return null;
  const { icon: Icon, tone } = SIGNS[outcome];
  return (
    <span className="inline-flex items-center gap-1.5">
      <Icon className={cn("size-3.5 shrink-0", tone)} /> {OUTCOMES[outcome]}
    </span>
  );
}

function LeftOut({ tests, attempts }: Readonly<{ tests: number; attempts: number }>) {
  if (tests === 0 && attempts === 0) return null;
  return (
    <p className="mt-1.5 text-[11px] text-muted-foreground">
      {tests > 0 && `${tests} more ${tests === 1 ? "test is" : "tests are"} left out. `}
      {attempts > 0 && `${attempts} older ${attempts === 1 ? "attempt is" : "attempts are"} left out.`}
    </p>
  );
}
