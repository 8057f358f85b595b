import { applyMode, Mode } from '@cloudscape-design/global-styles';

export const APPEARANCES = ['system', 'light', 'dark'] as const;
export type Appearance = (typeof APPEARANCES)[number];

const KEPT_AS = 'appearance';
const system = matchMedia('(prefers-color-scheme: dark)');

/** What was chosen in this browser. */
export function chosenAppearance(): Appearance {
  const kept = localStorage.getItem(KEPT_AS);
  return APPEARANCES.find((one) => one === kept) ?? 'system';
}

/** Shows the application so, now and when it is opened again. */
export function appear(appearance: Appearance): void {
  localStorage.setItem(KEPT_AS, appearance);
  show();
}

function show(): void {
  const chosen = chosenAppearance();
  applyMode((chosen === 'system' ? system.matches : chosen === 'dark') ? Mode.Dark : Mode.Light);
}

system.addEventListener('change', show);
show();
