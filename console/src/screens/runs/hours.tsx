import Icon from '@cloudscape-design/components/icon';
import { hourOf, type Run } from '../../api/runs.ts';
import { addresses } from '../../app/addresses.ts';
import { timeOfDay } from '../../parts/moments.tsx';
import { inWords, Strip } from '../../parts/strip.tsx';
import { texts } from '../../texts.ts';

/** The hours of a day: those with a run lead to it, and say what became of whom. */
export function Hours({
  id,
  runs,
  hours,
  chosen,
  until,
}: {
  readonly id: string;
  readonly runs: readonly Run[];
  readonly hours: readonly Date[];
  readonly chosen: string | undefined;
  readonly until: string | null;
}) {
  const byHour = new Map(runs.map((run) => [hourOf(run.id).getTime(), run]));
  const query = until ? `?until=${encodeURIComponent(until)}` : '';
  return (
    <div className="hours">
      {hours.map((hour) => {
        const run = byHour.get(hour.getTime());
        return run ? (
          <a
            key={hour.getTime()}
            href={`${addresses.runs(id, run.id)}${query}`}
            aria-current={run.id === chosen ? 'true' : undefined}
            aria-label={texts.runs.hourIs(timeOfDay(hour), inWords(countsOf(run)))}
          >
            <span>{timeOfDay(hour)}</span>
            {run.failed > 0 && <Icon name="status-negative" variant="error" size="small" />}
            <span aria-hidden="true">
              <Strip counts={countsOf(run)} />
            </span>
          </a>
        ) : (
          <span key={hour.getTime()} className="hours-none">
            {timeOfDay(hour)}
          </span>
        );
      })}
    </div>
  );
}

/** The outcomes of a run as numbers beside one another. */
export function countsOf(run: Run) {
  return {
    received: run.received,
    activated: run.activated.persons,
    unchanged: run.unchanged,
    excluded: run.excluded,
    failed: run.failed,
    rejected: run.rejected ?? 0,
  };
}
