import DateInput from '@cloudscape-design/components/date-input';
import FormField from '@cloudscape-design/components/form-field';
import SpaceBetween from '@cloudscape-design/components/space-between';
import TimeInput from '@cloudscape-design/components/time-input';
import { useState } from 'react';
import { texts } from '../texts.ts';

const words = texts.wizard.audiences;
const MIDNIGHT = '00:00';
const DATE = 10;
const TIME = 16;

/** A time of the interface, entered in the reader's zone; nothing entered is none. */
export function MomentField({
  label,
  value,
  onChange,
}: {
  readonly label: string;
  readonly value: string | null;
  readonly onChange: (at: string | null) => void;
}) {
  const began = value === null ? '' : local(value);
  const [day, setDay] = useState(began.slice(0, DATE));
  const [time, setTime] = useState(began.slice(DATE + 1, TIME));
  const enter = (nextDay: string, nextTime: string) => {
    setDay(nextDay);
    setTime(nextTime);
    const at = new Date(`${nextDay}T${nextTime || MIDNIGHT}`);
    onChange(Number.isNaN(at.getTime()) ? null : at.toISOString());
  };
  return (
    <SpaceBetween size="xs" direction="horizontal">
      <FormField
        label={words.date(label)}
        constraintText={words.zone(Intl.DateTimeFormat().resolvedOptions().timeZone)}
      >
        <DateInput value={day} placeholder="YYYY/MM/DD" onChange={({ detail }) => enter(detail.value, time)} />
      </FormField>
      <FormField label={words.time(label)}>
        <TimeInput
          value={time}
          format="hh:mm"
          placeholder="hh:mm"
          onChange={({ detail }) => enter(day, detail.value)}
        />
      </FormField>
    </SpaceBetween>
  );
}

function local(at: string): string {
  const shown = new Date(at);
  const offsetMs = shown.getTimezoneOffset() * 60_000;
  return new Date(shown.getTime() - offsetMs).toISOString();
}
