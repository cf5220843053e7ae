import { Link } from "@tanstack/react-router";

import { RunStatusBadge } from "@/components/StatusBadge";
import type { LogicalPlatformRun } from "@/lib/types";

/** "2 attempts", in the row of a commit; nothing for a platform that ran once. */
export function AttemptCount({ p }: Readonly<{ p: LogicalPlatformRun }>) {
  if (p.attempts.length < 2) return null;
  return (
    <span className="text-[11px] whitespace-nowrap text-muted-foreground">{p.attempts.length} attempts</span>
  );
}

/** The way to the attempts before the newest. */
export function EarlierAttempts({ p }: Readonly<{ p: LogicalPlatformRun }>) {
  const earlier = p.attempts.slice(1);
  if (earlier.length === 0) return null;
  return (
    <div className="mt-3 flex flex-wrap items-center gap-x-3 gap-y-1 text-[11px] text-muted-foreground">
      Earlier attempts
      {earlier.map((a) => (
        <Link
          key={a.run_id}
          to="/runs/$runId"
          params={{ runId: String(a.run_id) }}
          className="inline-flex items-center gap-1.5 hover:underline"
        >
          run {a.run_id} <RunStatusBadge status={a.status} className="text-[11px]" />
        </Link>
      ))}
    </div>
  );
}
