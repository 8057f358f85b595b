import { useState } from 'react';

/** How a value stands in a field of text. `read` of what `written` makes is the value again. */
export interface InText<T> {
  readonly read: (text: string) => T;
  readonly written: (value: T) => string;
}

/**
 * The text of a field, and what to do with what is typed into it. It stays as it is typed (`0.0` on the way to `0.05`), unless
 * the value has become another by something else than typing.
 */
export function useTyped<T>(value: T, { read, written }: InText<T>, onChange: (value: T) => void) {
  const [typed, setTyped] = useState(written(value));
  const text = written(read(typed)) === written(value) ? typed : written(value);
  const type = (next: string) => {
    setTyped(next);
    onChange(read(next));
  };
  return [text, type] as const;
}
