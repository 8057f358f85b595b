import BarChart from '@cloudscape-design/components/bar-chart';
import Box from '@cloudscape-design/components/box';
import { hourOf, hoursOfDay, type Run } from '../../api/runs.ts';
import { moment, timeOfDay } from '../../parts/moments.tsx';
import { texts } from '../../texts.ts';

const HEIGHT = 220;
const words = texts.lastDay;

/** Persons by hour of receipt, and what became of them. */
export default function HoursChart({ runs, now }: { readonly runs: readonly Run[]; readonly now: Date }) {
  const hours = hoursOfDay(now);
  const byHour = new Map(runs.map((run) => [hourOf(run.id).getTime(), run]));
  const series = (title: string, color: string, count: (run: Run) => number) => ({
    title,
    color,
    type: 'bar' as const,
    data: hours.map((hour) => {
      const run = byHour.get(hour.getTime());
      return { x: hour, y: run ? count(run) : 0 };
    }),
  });
  return (
    <BarChart
      stackedBars
      hideFilter
      height={HEIGHT}
      ariaLabel={words.chart}
      xTitle={words.hour}
      yTitle={words.persons}
      xScaleType="categorical"
      xDomain={hours}
      i18nStrings={{ xTickFormatter: timeOfDay }}
      detailPopoverSeriesContent={({ series: one, y }) => ({ key: one.title, value: y })}
      series={[
        series(texts.outcomes.activated, '#037f0c', (run) => run.activated.persons),
        series(texts.outcomes.unchanged, '#7d8998', (run) => run.unchanged),
        series(texts.outcomes.excluded, '#b2911c', (run) => run.excluded),
        series(texts.outcomes.failed, '#d91515', (run) => run.failed),
      ]}
      empty={<Box textAlign="center">{words.nothing}</Box>}
      ariaDescription={moment(now.toISOString())}
    />
  );
}
