import Input from '@cloudscape-design/components/input';
import { type InText, useTyped } from './use-typed.ts';

const IN_TEXT: InText<number | null> = {
  read: (text) => (text === '' ? null : Number(text)),
  written: (value) => (value === null ? '' : String(value)),
};

/** A number; null where the field is empty. `step` is as HTML has it: `any` for those that need not be whole. */
export function NumberField({
  value,
  onChange,
  step = 1,
  label,
  placeholder,
}: {
  readonly value: number | null;
  readonly onChange: (value: number | null) => void;
  readonly step?: number | 'any';
  readonly label?: string;
  readonly placeholder?: string;
}) {
  const [text, type] = useTyped(value, IN_TEXT, onChange);
  return (
    <Input
      type="number"
      step={step}
      value={text}
      onChange={({ detail }) => type(detail.value)}
      {...(label && { ariaLabel: label })}
      {...(placeholder && { placeholder })}
    />
  );
}
