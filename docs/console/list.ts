// The list of runs: the attempts of a platform are one entry, and what one of them ran counts once.

import type { LiveRun, LogicalPlatformRun } from "@/lib/types";

/** The runs of a commit on the platform of one of them, newest first. */
export const attemptsAmong = (runs: LiveRun[], { platform }: LiveRun) =>
  runs.filter((r) => r.platform === platform).toSorted((a, b) => b.run_id - a.run_id);

/** The attempts of a platform, each with the newest, by which they are known to belong together. */
export const withNewest = (p: LogicalPlatformRun) =>
  p.attempts.map((a) => ({ run_id: a.run_id, newest: p.run_id }));

interface Row {
  regression_test_id: number;
  status: string;
  runtime_ms: number | null;
}

/**
 * The results of each run without those that a retry has taken over from an earlier attempt.
 *
 * Nothing in a result says so, but it is a copy down to the milliseconds that the test took. The runs
 * come oldest first, so what stays is the result of the run that really ran the test.
 */
export function withoutCopies<R extends Row>(runs: { newest: number }[], perRun: R[][]): R[][] {
  const seen = new Set<string>();
  return perRun.map((rows, i) =>
    rows.filter((row) => {
      const result = [runs[i].newest, row.regression_test_id, row.status, row.runtime_ms].join();
      if (seen.has(result)) return false;
      seen.add(result);
      return true;
    }),
  );
}
