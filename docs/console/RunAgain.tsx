import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { RotateCcw } from "lucide-react";
import { useEffect, useId, useRef, useState } from "react";

import { Button } from "@/components/ui/button";
import { ConfirmDialog } from "@/components/ui/confirm";
import { Textarea } from "@/components/ui/input";
import { canOperateCi, getSession } from "@/lib/auth";
import { cn } from "@/lib/utils";
import {
  REASON_LIMIT,
  refreshRuns,
  retryRun,
  useRetryPreview,
  type Choice,
  type Refusal,
  type RetryPreview,
  type Tests,
} from "@/retry/api";

/** "Run again": a retry of this run as a new one. Nothing for people who may not. */
export function RunAgain({ runId }: Readonly<{ runId: number }>) {
  const [open, setOpen] = useState(false);
  const [opened, setOpened] = useState(0);
  const button = useRef<HTMLButtonElement>(null);

  // Back to where the keyboard was.
  useEffect(() => {
    if (opened > 0 && !open) button.current?.focus();
  }, [open, opened]);

  if (!canOperateCi(getSession())) return null;

  return (
    <>
      <Button
        ref={button}
        size="sm"
        variant="outline"
        onClick={() => {
          setOpened(opened + 1);
          setOpen(true);
        }}
      >
        <RotateCcw /> Run again
      </Button>
      {/* Another dialog each time, with a key of its own. */}
      <RetryDialog key={opened} runId={runId} open={open} onClose={() => setOpen(false)} />
    </>
  );
}

function RetryDialog({
  runId,
  open,
  onClose,
}: Readonly<{ runId: number; open: boolean; onClose: () => void }>) {
  const qc = useQueryClient();
  const navigate = useNavigate();
  const { data: preview, error: failure, refetch } = useRetryPreview(runId, open);
  const [key] = useState(() => crypto.randomUUID());
  const [chosen, setChosen] = useState<Tests | null>(null);
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);

  const tests = chosen ?? firstPossible(preview);
  const said = reason.trim();
  const left = REASON_LIMIT - [...said].length;

  const submit = async () => {
    setBusy(true);
    setError(null);
    try {
      const made = await retryRun(
        runId,
        { failed_only: tests === "failed_only", ...(said && { reason: said }) },
        key,
      );
      onClose();
      await navigate({ to: "/runs/$runId", params: { runId: String(made.new_run_id) } });
      refreshRuns(qc);
    } catch (e) {
      setError(e instanceof Error ? e.message : "That did not work.");
      setBusy(false);
    }
  };

  return (
    <ConfirmDialog
      open={open}
      onOpenChange={(o) => !o && !busy && onClose()}
      title={`Run ${runId} again?`}
      variant="default"
      body={
        <div className="-mx-1 flex max-h-[50vh] flex-col gap-3 overflow-y-auto px-1">
          <p>It is queued again as a new run. This run and its results stay as they are.</p>
          <fieldset className="flex flex-col gap-1.5">
            <legend className="mb-1.5 text-xs font-medium">Tests</legend>
            <Option
              {...preview?.all}
              words={{ none: "All tests", one: "Its only test", many: (n) => `All ${n} tests` }}
              checked={tests === "all"}
              onChoose={() => setChosen("all")}
            />
            <Option
              {...preview?.failed_only}
              words={{
                none: "Only those that did not pass",
                one: "Only the one that did not pass",
                many: (n) => `Only the ${n} that did not pass`,
              }}
              checked={tests === "failed_only"}
              onChoose={() => setChosen("failed_only")}
            />
          </fieldset>
          <Reason value={reason} left={left} onChange={setReason} />
          <div role="alert" className="text-xs text-foreground empty:hidden">
            {error ?? failure?.message}
            {failure && (
              <Button variant="ghost" size="sm" className="ml-2" onClick={() => refetch()}>
                Try again
              </Button>
            )}
          </div>
        </div>
      }
      confirmLabel={busy ? "Queueing…" : "Run again"}
      busy={busy || !preview || preview[tests].refusal !== null || left < 0}
      onConfirm={submit}
    />
  );
}

const firstPossible = (preview?: RetryPreview): Tests =>
  preview?.all.refusal && !preview.failed_only.refusal ? "failed_only" : "all";

const why = ({ message, details: { inactive_ids: ids } }: Refusal) =>
  ids ? `${message} (${ids.join(", ")})` : message;

/** One way to run again, and why not where it is refused. Without its number until that is known. */
function Option({
  test_count,
  refusal,
  hint,
  words,
  checked,
  onChoose,
}: Readonly<
  Partial<Choice> & {
    words: { none: string; one: string; many: (n: number) => string };
    checked: boolean;
    onChoose: () => void;
  }
>) {
  const note = useId();
  const label = () => {
    if (test_count === undefined || refusal) return words.none;
    return test_count === 1 ? words.one : words.many(test_count);
  };
  return (
    <div>
      <label className={cn("flex items-center gap-2", !refusal && "cursor-pointer text-foreground")}>
        <input
          type="radio"
          name="tests"
          className="accent-primary focus-visible:outline-2 focus-visible:outline-primary"
          checked={checked}
          disabled={!!refusal}
          aria-describedby={note}
          onChange={onChoose}
        />
        {label()}
      </label>
      <p id={note} className="pl-5.5 text-xs empty:hidden">
        {refusal ? why(refusal) : hint}
      </p>
    </div>
  );
}

function Reason({
  value,
  left,
  onChange,
}: Readonly<{ value: string; left: number; onChange: (value: string) => void }>) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-xs font-medium">
        Reason (optional)
      </label>
      <Textarea
        id={id}
        value={value}
        aria-invalid={left < 0}
        aria-describedby={`${id}-count`}
        className={cn("text-foreground", left < 0 && "border-destructive/50")}
        onChange={(e) => onChange(e.target.value)}
      />
      <p id={`${id}-count`} className="mt-1 text-[11px]">
        {left < 0
          ? `${-left} ${left === -1 ? "character" : "characters"} too many`
          : `${REASON_LIMIT - left} of ${REASON_LIMIT} characters`}
      </p>
    </div>
  );
}
