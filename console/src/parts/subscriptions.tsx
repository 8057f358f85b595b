import Checkbox from '@cloudscape-design/components/checkbox';
import type { Schemas } from '../api/interface.ts';
import { texts } from '../texts.ts';
import { NumberField } from './number-field.tsx';

type Alert = Schemas['Alert'];
export type Subscription = Schemas['SubscriptionIn'];

const words = texts.alerts;
const ALERTS = Object.keys(words.names) as Alert[];

/** Which alerts are subscribed to, and from which threshold on. */
export function Subscriptions({
  value,
  onChange,
}: {
  readonly value: readonly Subscription[];
  readonly onChange: (value: Subscription[]) => void;
}) {
  const of = (alert: Alert) => value.find((one) => one.alert === alert);
  const put = (alert: Alert, threshold: number | null) =>
    onChange(
      ALERTS.flatMap((one) => {
        const there = of(one);
        return one === alert ? [{ alert, threshold }] : there ? [there] : [];
      }),
    );
  return ALERTS.map((alert) => {
    const subscribed = of(alert);
    return (
      <div key={alert} className="subscription">
        <Checkbox
          checked={subscribed !== undefined}
          onChange={({ detail }) =>
            detail.checked ? put(alert, null) : onChange(value.filter((one) => one.alert !== alert))
          }
        >
          {words.names[alert]}
        </Checkbox>
        {subscribed && (
          <NumberField
            step="any"
            label={words.thresholdOf(words.names[alert])}
            placeholder={words.threshold}
            value={subscribed.threshold ?? null}
            onChange={(threshold) => put(alert, threshold)}
          />
        )}
      </div>
    );
  });
}

/** Subscriptions as the interface takes them: an alert by its name alone is at its default. */
export function subscriptionsOf(alerts: readonly (Subscription | Alert)[] | undefined): Subscription[] {
  return (alerts ?? []).map((one) => (typeof one === 'string' ? { alert: one, threshold: null } : one));
}
