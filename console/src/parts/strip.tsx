import { texts } from '../texts.ts';

const PARTS = ['activated', 'unchanged', 'excluded', 'failed'] as const;

/** How many persons had which outcome. */
export type Outcomes = Readonly<Record<(typeof PARTS)[number], number>>;

/** Outcomes as a bar of parts, which says the same in words. */
export function Strip({ counts }: { readonly counts: Outcomes }) {
  const shown = PARTS.filter((part) => counts[part] > 0);
  return (
    <div className="strip" role="img" aria-label={inWords(counts)}>
      {shown.map((part) => (
        <span key={part} className={`strip-${part}`} style={{ flexGrow: counts[part] }} />
      ))}
    </div>
  );
}

/** Those outcomes that there were. */
export function inWords(counts: Readonly<Partial<Record<keyof typeof texts.outcomes, number>>>): string {
  const names = Object.keys(texts.outcomes) as (keyof typeof texts.outcomes)[];
  const told = names.filter((name) => counts[name]).map((name) => `${counts[name]} ${texts.outcomes[name]}`);
  return told.join(', ') || texts.overview.noEvents;
}
