import Input from '@cloudscape-design/components/input';
import { type InText, useTyped } from './use-typed.ts';

const IN_TEXT: InText<readonly string[]> = {
  read: (text) =>
    text
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== ''),
  written: (value) => value.join(', '),
};

/** A list in one line, with commas. */
export function Commas({
  value,
  onChange,
  label,
}: {
  readonly value: readonly string[];
  readonly onChange: (value: string[]) => void;
  readonly label?: string;
}) {
  const [text, type] = useTyped(value, IN_TEXT, (next) => onChange([...next]));
  return (
    <Input
      value={text}
      onChange={({ detail }) => type(detail.value)}
      autoComplete={false}
      {...(label && { ariaLabel: label })}
    />
  );
}
