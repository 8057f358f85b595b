import Input from '@cloudscape-design/components/input';
import { useState } from 'react';

/** A list in one line, with commas; what is typed stays as it is typed. */
export function Commas({
  value,
  onChange,
  label,
}: {
  readonly value: readonly string[];
  readonly onChange: (value: string[]) => void;
  readonly label?: string;
}) {
  const [text, setText] = useState(value.join(', '));
  return (
    <Input
      value={text}
      onChange={({ detail }) => {
        setText(detail.value);
        onChange(listed(detail.value));
      }}
      autoComplete={false}
      {...(label && { ariaLabel: label })}
    />
  );
}

function listed(text: string): string[] {
  return text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}
