/** US dollars in whole numbers of 10^-12: the price of one token is exact in it, and so is every sum. */
export type Pico = bigint;

const DIGITS = 12;
const DECIMAL = /^\s*(\d*)(?:\.(\d*))?(?:e([+-]?\d{1,3}))?\s*$/i;

/** Decimal text as 10^-12 dollars, each of whose units counts 10^`shift` dollars. `undefined`: it is no such text. Finer parts are rounded. */
export function picoOf(text: string, shift = 0): Pico | undefined {
  const [, whole = '', fraction = '', exponent = '0'] = DECIMAL.exec(text) ?? [];
  if (whole === '' && fraction === '') return undefined;
  const digits = whole + fraction;
  const places = DIGITS + shift + Number(exponent) - fraction.length;
  if (places >= 0) return BigInt(digits) * 10n ** BigInt(places);
  const unit = 10n ** BigInt(-places);
  return (BigInt(digits) + unit / 2n) / unit;
}

/** As decimal text in dollars: `0.0001305`. */
export function dollarsText(pico: Pico): string {
  const digits = pico.toString().padStart(DIGITS + 1, '0');
  const fraction = digits.slice(-DIGITS).replace(/0+$/, '');
  const whole = digits.slice(0, -DIGITS);
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

/** As a number of dollars that is written like its decimal text, which a double keeps for 15 digits. */
export function dollars(pico: Pico): number {
  return Number(dollarsText(pico));
}
