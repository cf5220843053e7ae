// Retries of runs: the routes of mod_runs_api. A retry is a new run, and the one it repeats stays as it is.

import { useQuery, useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import { apiGet, apiSend, fetchAll } from "@/lib/api";
import type { RunStatus } from "@/lib/types";

/** How long a reason may be, in code points. */
export const REASON_LIMIT = 255;

export type Tests = "all" | "failed_only";

export interface Refusal {
  message: string;
  details: { inactive_ids?: number[] };
}

export interface Choice {
  test_count: number;
  refusal: Refusal | null;
  hint?: string | null;
}

/** What a retry would do now. */
export type RetryPreview = Record<Tests, Choice>;

export type Cause = "decision" | "build" | "code" | "infrastructure" | "unknown";

export interface Attempt {
  run_id: number;
  attempt: number;
  status: RunStatus;
  tests: number;
  passed: number;
  failed: number;
  not_run: number;
  carried_over: number;
  cause: Cause | null;
  cause_detail: string | null;
  /** The rest is null for the first run. */
  failed_only: boolean | null;
  automatic: boolean | null;
  reason: string | null;
  requested_by: string | null;
  created_at: string | null;
}

export type Outcome = "pass" | "fail" | "missing_output" | "not_run" | "carried_over";

export type Verdict =
  | "passed"
  | "flaky"
  | "failing_identically"
  | "failing_differently"
  | "failed_once"
  | "never_ran"
  | "expectation_changed";

export interface TestVerdict {
  regression_test_id: number;
  verdict: Verdict;
  attempts: { run_id: number; outcome: Outcome }[];
}

interface Verdicts {
  data: TestVerdict[];
  pagination: { total: number };
  meta: { counts: Record<Verdict, number> };
}

/** Whatever shows a run, its results or where they stand. */
const SHOWING_RUNS = [
  "run",
  "run-progress",
  "run-samples-all",
  "run-summary",
  "run-failures",
  "run-artifacts",
  "run-infra-errors",
  "runs",
  "queue",
  "test-history",
  "run-attempts",
  "run-verdict",
];

export const refreshRuns = (qc: QueryClient) =>
  Promise.all(SHOWING_RUNS.map((key) => qc.invalidateQueries({ queryKey: [key] })));

/** Asked anew each time the dialog opens: what holds now may not hold in a minute. */
export function useRetryPreview(runId: number, open: boolean) {
  return useQuery({
    queryKey: ["run-retry", runId],
    enabled: open,
    gcTime: 0,
    queryFn: () => apiGet<RetryPreview>(`/runs/${runId}/retry`),
  });
}

/** The same key makes one run, however often it is sent. */
export const retryRun = (runId: number, body: { failed_only: boolean; reason?: string }, key: string) =>
  apiSend<{ new_run_id: number }>("POST", `/runs/${runId}/retry`, body, { "Idempotency-Key": key });

export const hasEnded = (a: Attempt) => a.status !== "queued" && a.status !== "running";

/** The attempts of a run, itself among them, oldest first. */
export function useAttempts(runId: number) {
  return useQuery({
    queryKey: ["run-attempts", runId],
    // An end is not final: a run that was canceled may complete all the same.
    refetchInterval: (q) => (q.state.data?.every(hasEnded) === false ? 15_000 : 60_000),
    queryFn: () => fetchAll<Attempt>(`/runs/${runId}/retries`),
  });
}

/** The attempts of a run, and everything else on its page refetched whenever one of them has moved on. */
export function useLiveAttempts(runId: number) {
  const qc = useQueryClient();
  const { data: attempts } = useAttempts(runId);
  const last = useRef({ runId, attempts });

  useEffect(() => {
    const before = last.current;
    last.current = { runId, attempts };
    // Answers that say the same are the same object.
    if (before.runId === runId && before.attempts && before.attempts !== attempts) refreshRuns(qc);
  }, [qc, runId, attempts]);

  return attempts ?? [];
}

/** How many tests the grid shows at most: one page of the API. */
const GRID_TESTS = 100;

/** What the attempts prove about the tests that did not simply pass. */
export function useVerdict(runId: number, kinds: Verdict[], enabled: boolean) {
  const wanted = kinds.map((kind) => `verdict=${kind}`).join("&");
  return useQuery({
    queryKey: ["run-verdict", runId],
    enabled,
    queryFn: () => apiGet<Verdicts>(`/runs/${runId}/verdict?limit=${GRID_TESTS}&${wanted}`),
  });
}
