import { texts } from '../texts.ts';

const MOMENT = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  timeZoneName: 'short',
});
const HOUR = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const FEW = 10;
const MINUTE = 60;
const HOURS = 60 * MINUTE;
const DAYS = 24 * HOURS;

/** A time of the interface in the reader's zone, with its name. */
export function moment(at: string): string {
  return MOMENT.format(new Date(at));
}

/** The time of day alone, where the zone stands beside it. */
export function timeOfDay(at: Date): string {
  return HOUR.format(at);
}

/** Seconds as a person says them: the two largest units, or tenths where there are few. */
export function duration(seconds: number): string {
  if (seconds < FEW) {
    return texts.duration.seconds(Math.round(10 * seconds) / 10);
  }
  const whole = Math.round(seconds);
  if (whole < MINUTE) {
    return texts.duration.seconds(whole);
  }
  if (whole < HOURS) {
    return texts.duration.minutes(Math.floor(whole / MINUTE), whole % MINUTE);
  }
  if (whole < DAYS) {
    return texts.duration.hours(Math.floor(whole / HOURS), Math.floor((whole % HOURS) / MINUTE));
  }
  return texts.duration.days(Math.floor(whole / DAYS), Math.floor((whole % DAYS) / HOURS));
}

/** Element of a time; nothing stands for none. */
export function Moment({ at }: { readonly at: string | null | undefined }) {
  return at ? <time dateTime={at}>{moment(at)}</time> : texts.none;
}
