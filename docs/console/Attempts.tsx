import { RunStatusBadge } from "@/components/StatusBadge";
import { cn } from "@/lib/utils";
import { hasEnded, useVerdict, type Attempt } from "@/retry/api";
import { RunLink, ScrollTable } from "@/retry/ScrollTable";
import { VerdictGrid } from "@/retry/VerdictGrid";
import { CAUSES, FINDINGS, counted, evidence, sentence } from "@/retry/words";

/** The attempts of a run and what they prove; nothing for a run that was never retried. */
export function Attempts({ runId, attempts }: Readonly<{ runId: number; attempts: Attempt[] }>) {
  const retried = attempts.length > 1;
  const { data: verdict } = useVerdict(runId, FINDINGS, retried);
  if (!retried) return null;

  const own = attempts.find((a) => a.run_id === runId);
  const counts = verdict?.meta.counts;
  const proven = counts && sentence(attempts, counts);

  return (
    <section aria-labelledby="attempts" className="mb-8">
      <h2 id="attempts" className="mb-1 text-[15px] font-semibold tracking-tight">
        Attempts
      </h2>
      <div className="mb-3 flex flex-col gap-1 text-[13px] text-muted-foreground">
        {proven && <p className="text-foreground">{proven}</p>}
        {own && counts && (
          <Completeness own={own} total={Object.values(counts).reduce((a, b) => a + b, 0)} />
        )}
      </div>
      <AttemptTable runId={runId} attempts={attempts} />
      {proven && verdict.data.length > 0 && (
        <VerdictGrid
          tests={verdict.data}
          attempts={evidence(attempts)}
          leftOut={verdict.pagination.total - verdict.data.length}
        />
      )}
    </section>
  );
}

/** How a failed-only retry comes by the results of the tests that it does not run. */
function Completeness({ own, total }: Readonly<{ own: Attempt; total: number }>) {
  if (own.failed_only && !hasEnded(own) && total > own.tests) {
    return (
      <p>
        This run runs {own.tests} of {total} tests. When it completes, the last results of the others are carried over
        into it.
      </p>
    );
  }
  if (own.carried_over === 0) return null;
  return (
    <p>
      {own.carried_over} of the {counted(own.passed + own.failed, "result")}{" "}
      {own.carried_over === 1 ? "is" : "are"} carried over from other attempts.
    </p>
  );
}

const HEADS = ["Attempt", "Run", "Status", "Failed", "Carried over", "By", "When", "Why"];

function AttemptTable({ runId, attempts }: Readonly<{ runId: number; attempts: Attempt[] }>) {
  return (
    <ScrollTable label="Attempts, newest first">
      <thead>
        <tr className="border-b bg-muted/40 text-left text-muted-foreground">
          {HEADS.map((head) => (
            <th key={head} scope="col" className="px-3 py-2 font-medium whitespace-nowrap">
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {attempts.toReversed().map((a) => (
          <tr
            key={a.run_id}
            aria-current={a.run_id === runId || undefined}
            className={cn("border-b last:border-0", a.run_id === runId && "bg-muted/40")}
          >
            <th scope="row" className="px-3 py-2 text-left font-medium">{a.attempt}</th>
            <Cell>
              {a.run_id === runId ? `run ${a.run_id} (this run)` : <RunLink runId={a.run_id} />}
            </Cell>
            <Cell>
              <RunStatusBadge status={a.status} />
              {a.cause && <div className="text-muted-foreground">{CAUSES[a.cause].short}</div>}
            </Cell>
            <Cell>{hasEnded(a) && `${a.failed} of ${a.tests}${a.not_run > 0 ? `, ${a.not_run} not run` : ""}`}</Cell>
            <Cell>{a.carried_over > 0 && a.carried_over}</Cell>
            <Cell>{a.automatic ? "automatic" : a.requested_by}</Cell>
            <Cell>{a.created_at && <time dateTime={a.created_at}>{moment(a.created_at)}</time>}</Cell>
            <td className="max-w-64 min-w-32 px-3 py-2 break-words">{a.reason}</td>
          </tr>
        ))}
      </tbody>
    </ScrollTable>
  );
}

const Cell = ({ children }: Readonly<{ children: React.ReactNode }>) => (
  <td className="px-3 py-2 whitespace-nowrap tabular-nums">{children}</td>
);

const moment = (iso: string) =>
  new Date(iso).toLocaleString([], { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
