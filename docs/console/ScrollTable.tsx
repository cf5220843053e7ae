import { Link } from "@tanstack/react-router";

/** A table that scrolls inside itself, by keyboard too. */
export function ScrollTable({ label, children }: Readonly<{ label: string; children: React.ReactNode }>) {
  return (
    <section
      aria-label={label}
      // A region that scrolls must be reached without a mouse.
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      className="overflow-x-auto rounded-xl border bg-card shadow-card focus-visible:ring-2 focus-visible:ring-ring focus-visible:outline-none"
    >
      <table className="w-full text-[12px]">{children}</table>
    </section>
  );
}

export const RunLink = ({ runId }: Readonly<{ runId: number }>) => (
  <Link to="/runs/$runId" params={{ runId: String(runId) }} className="underline hover:no-underline">
    run {runId}
  </Link>
);
