/** One family of the text format: its samples by their labels, written in order. */
export interface Family {
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const HELP = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/;
const TYPE = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary|untyped)$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = { histogram: ['_bucket', '_sum', '_count'] };

/**
 * Reads the text format as strictly as it is specified (Prometheus, "Exposition formats", 0.0.4): each family once, described before its
 * samples, no series twice, histograms that add up. Throws for anything else.
 */
export function parseMetrics(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, Family & { readonly samples: Sample[] }>();
  const seen = new Set<string>();
  let current: string | undefined;
  let help: { readonly name: string; readonly text: string } | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    if (line.startsWith('# HELP')) {
      const [, name, words] = required(HELP.exec(line), line);
      help = { name: name!, text: words! };
      continue;
    }
    if (line.startsWith('# TYPE')) {
      const [, name, type] = required(TYPE.exec(line), line);
      if (help?.name !== name) throw new Error(`no help before: ${line}`);
      if (families.has(name!)) throw new Error(`twice: ${line}`);
      if (type !== 'counter' && name!.endsWith('_total')) throw new Error(`no counter: ${line}`);
      current = name!;
      families.set(current, { help: help!.text, type: type!, samples: [] });
      continue;
    }
    const sample = readSample(line);
    const key = `${sample.name} ${labelKey(sample.labels)}`;
    if (seen.has(key)) throw new Error(`twice: ${line}`);
    seen.add(key);
    const family = families.get(current ?? '');
    const names = (SUFFIXES[family?.type ?? ''] ?? ['']).map((suffix) => `${current}${suffix}`);
    if (family === undefined || !names.includes(sample.name)) throw new Error(`out of place: ${line}`);
    if (family.type === 'counter' && sample.value < 0) throw new Error(`below 0: ${line}`);
    family.samples.push(sample);
  }
  for (const [name, family] of families) if (family.type === 'histogram') checkHistogram(name, family);
  return families;
}

function readSample(line: string): Sample {
  const [, name, inner = '', number] = required(SAMPLE.exec(line), line);
  const labels: Record<string, string> = {};
  for (let rest = inner; rest !== ''; ) {
    const [whole, label, value] = required(LABEL.exec(rest), line);
    if (Object.hasOwn(labels, label!)) throw new Error(`a label twice: ${line}`);
    labels[label!] = value!.replaceAll(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
    rest = rest.slice(whole.length);
  }
  const value = number === '+Inf' ? Infinity : number === '-Inf' ? -Infinity : Number(number);
  if (Number.isNaN(value) && number !== 'NaN') throw new Error(`no number: ${line}`);
  return { name: name!, labels, value };
}

function labelKey(labels: Sample['labels']): string {
  return JSON.stringify(Object.entries(labels).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

function checkHistogram(name: string, { samples }: Family): void {
  const series = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels;
    const key = labelKey(labels);
    series.set(key, [...(series.get(key) ?? []), sample]);
  }
  for (const [labels, parts] of series) {
    const buckets = parts.filter((part) => part.name === `${name}_bucket`);
    const bounds = buckets.map((part) =>
      part.labels['le'] === '+Inf' ? Infinity : Number(part.labels['le']),
    );
    const counts = buckets.map((part) => part.value);
    const count = parts.find((part) => part.name === `${name}_count`)?.value;
    const sum = parts.find((part) => part.name === `${name}_sum`)?.value;
    const rises = (values: readonly number[], strictly: boolean): boolean =>
      values.every(
        (value, at) => at === 0 || value > values[at - 1]! || (!strictly && value === values[at - 1]),
      );
    if (!rises(bounds, true) || !rises(counts, false) || bounds.at(-1) !== Infinity)
      throw new Error(`no histogram: ${name} ${labels}`);
    if (count === undefined || sum === undefined || counts.at(-1) !== count)
      throw new Error(`does not add up: ${name} ${labels}`);
  }
}

function required(match: RegExpExecArray | null, line: string): RegExpExecArray {
  if (match === null) throw new Error(`cannot be read: ${line}`);
  return match;
}

/** The sum over the series of a metric whose labels contain these. */
export function valueOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const base = name.replace(/_(?:bucket|sum|count)$/, '');
  const family = families.get(name) ?? families.get(base);
  if (family === undefined) throw new Error(`there is no metric ${name}`);
  const fitting = family.samples.filter(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  return fitting.reduce((sum, { value }) => sum + value, 0);
}
