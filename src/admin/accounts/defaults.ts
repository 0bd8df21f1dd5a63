import { GatewayError } from '../../core/errors.ts';
import type { AccountDefaults, KeyBounds } from '../../keys/accounts-config.ts';
import { durationText } from './show-account.ts';

type Given = number | null | undefined;
type Bounded = { readonly [Field in keyof KeyBounds]?: Given };

/** A request with the defaults in the place of what it does not say. LiteLLM's clients send null for that, and empty lists and objects. */
export function withDefaults<Body extends object>(body: Body, defaults: object): Body {
  const given = body as Readonly<Record<string, unknown>>;
  const missing = Object.entries(defaults).filter(
    ([field, value]) => value !== undefined && isUnsaid(given[field]),
  );
  return missing.length === 0 ? body : { ...body, ...Object.fromEntries(missing) };
}

function isUnsaid(value: unknown): boolean {
  return (
    value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0)
  );
}

/** A request for a new key within what the configuration allows. Throws `account-invalid`. */
export function newWithinBounds<Body extends Bounded>(body: Body, { keyMax }: AccountDefaults): Body {
  return withinBounds(withDefaults(body, keyMax), keyMax);
}

/** A change of a key, refused where it goes beyond what a new key may have. Throws `account-invalid`. */
export function withinBounds<Body extends Bounded>(body: Body, keyMax: KeyBounds): Body {
  for (const [field, max] of Object.entries(keyMax) as [keyof KeyBounds, number][]) {
    const value: Given = body[field];
    if (value === undefined || (value !== null && value <= max)) continue;
    const text = (one: number): string => (field.endsWith('duration') ? durationText(one) : String(one));
    throw new GatewayError(
      'account-invalid',
      {
        reason: `${field} is over max limit set in config - user_value=${value === null ? 'none' : text(value)}; max_value=${text(max)} (upperbound_key_generate_params)`,
      },
      { data: { param: field } },
    );
  }
  return body;
}
