import Autosuggest, { type AutosuggestProps } from '@cloudscape-design/components/autosuggest';
import { texts } from '../../texts.ts';

/** Free text with what is offered: what is not offered may be right all the same, which the interface says. */
export function Choice({
  value,
  options,
  onChange,
  label,
  isInvalid = false,
}: {
  readonly value: string;
  readonly options: AutosuggestProps.Options;
  readonly onChange: (value: string) => void;
  readonly label?: string;
  readonly isInvalid?: boolean;
}) {
  return (
    <Autosuggest
      value={value}
      options={options}
      invalid={isInvalid}
      onChange={({ detail }) => onChange(detail.value)}
      enteredTextLabel={texts.use}
      virtualScroll
      {...(label && { ariaLabel: label })}
    />
  );
}
