import { AlertTriangle, Ban } from "lucide-react";

import { cn } from "@/lib/utils";
import type { Attempt } from "@/retry/api";
import { CAUSES } from "@/retry/words";

/** Why a run ended without a result of every test; nothing where its results decide. */
export function CauseBanner({ attempt }: Readonly<{ attempt: Attempt | undefined }>) {
  if (!attempt?.cause) return null;
  const onPurpose = attempt.cause === "decision";
  const Icon = onPurpose ? Ban : AlertTriangle;
  return (
    <div
      className={cn(
        "mb-4 flex items-start gap-2.5 rounded-xl border p-3.5",
        onPurpose ? "bg-muted/40" : "border-warning/40 bg-warning/8",
      )}
    >
      <Icon className={cn("mt-0.5 size-4 shrink-0", onPurpose ? "text-muted-foreground" : "text-warning")} />
      <div className="min-w-0 text-[13px]">
        <div className="font-medium">{CAUSES[attempt.cause].title}</div>
        {attempt.cause_detail && (
          <p className="mt-1 text-[12px] break-words text-muted-foreground">{attempt.cause_detail}</p>
        )}
      </div>
    </div>
  );
}
