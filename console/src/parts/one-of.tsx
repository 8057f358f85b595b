import Select from '@cloudscape-design/components/select';

/** One of a few words of the interface, each with its meaning. */
export function OneOf<W extends string>({
  value,
  names,
  onChange,
  label,
}: {
  readonly value: W;
  readonly names: Readonly<Record<W, string>>;
  readonly onChange: (value: W) => void;
  readonly label?: string;
}) {
  const options = Object.entries<string>(names).map(([name, label]) => ({ value: name, label }));
  return (
    <Select
      options={options}
      selectedOption={options.find((one) => one.value === value) ?? null}
      {...(label && { ariaLabel: label })}
      onChange={({ detail }) => onChange(detail.selectedOption.value as W)}
    />
  );
}
