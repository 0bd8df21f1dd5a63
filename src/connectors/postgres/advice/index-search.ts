import { indexesIn } from './plan.ts';
import { type IndexSpec, indexSql, type JudgedQuery, type Trial } from './trial-indexes.ts';

/** A query, and how often it runs: each call counts. */
export interface WeightedQuery extends JudgedQuery {
  readonly weight: number;
}

export interface Recommendation {
  readonly spec: IndexSpec;
  readonly sizeBytes: number;
  /** Numbers of the queries whose plans use it, with their costs before and after this index. */
  readonly gains: readonly { readonly query: number; readonly before: number; readonly after: number }[];
}

export interface SearchResult {
  readonly recommendations: readonly Recommendation[];
  readonly costsBefore: readonly number[];
  readonly costsAfter: readonly number[];
  readonly plans: number;
  /** Candidates that were larger than the space that is left, or that the server would not make. */
  readonly tooLarge: number;
  readonly notMade: number;
  readonly stoppedBy: 'nothing lowers the cost further' | 'number of indexes' | 'time' | 'number of plans';
}

export interface SearchBounds {
  /** For all recommended indexes together. */
  readonly sizeBytesMax: number;
  readonly timeMs: number;
  readonly signal: AbortSignal;
}

/** An index is recommended only when it lowers the cost of some query by at least this share. */
export const GAIN_PERCENT_MIN = 10;
const INDEXES_MAX = 5;
const PLANS_MAX = 1_000;
/** Among those that gain nearly as much as the best, the smallest is taken. */
const NEARLY = 0.95;

interface Tried {
  readonly spec: IndexSpec;
  readonly sizeBytes: number;
  readonly costs: readonly number[];
  readonly uses: readonly boolean[];
  readonly gain: number;
}

/** Greedy search: takes the index that gains most, then the one that gains most beside it, and so on. */
export async function searchIndexes(
  trial: Trial,
  queries: readonly WeightedQuery[],
  candidates: readonly IndexSpec[],
  bounds: SearchBounds,
): Promise<SearchResult> {
  const search = new Search(trial, queries, bounds);
  return search.run(candidates);
}

class Search {
  readonly #trial: Trial;
  readonly #queries: readonly WeightedQuery[];
  readonly #bounds: SearchBounds;
  readonly #startedMs = performance.now();
  #plans = 0;
  #usedBytes = 0;
  readonly #tooLarge = new Set<string>();
  readonly #notMade = new Set<string>();

  constructor(trial: Trial, queries: readonly WeightedQuery[], bounds: SearchBounds) {
    this.#trial = trial;
    this.#queries = queries;
    this.#bounds = bounds;
  }

  async run(candidates: readonly IndexSpec[]): Promise<SearchResult> {
    const costsBefore = (await this.#look([])).costs;
    let costs = costsBefore;
    let left = [...candidates];
    const recommendations: Recommendation[] = [];
    let stoppedBy: SearchResult['stoppedBy'] | undefined;
    while (stoppedBy === undefined) {
      const round = await this.#round(left, costs);
      const best = bestOf(round);
      if (best !== undefined) {
        recommendations.push(await this.#take(best, costs));
        costs = best.costs;
        left = left.filter((spec) => !covers(best.spec, spec));
      }
      if (best === undefined || left.length === 0) stoppedBy = 'nothing lowers the cost further';
      if (recommendations.length === INDEXES_MAX) stoppedBy = 'number of indexes';
      stoppedBy = this.#exhausted() ?? stoppedBy;
    }
    return {
      recommendations,
      costsBefore,
      costsAfter: costs,
      plans: this.#plans,
      tooLarge: this.#tooLarge.size,
      notMade: this.#notMade.size,
      stoppedBy,
    };
  }

  async #round(candidates: readonly IndexSpec[], costs: readonly number[]): Promise<Tried[]> {
    const round: Tried[] = [];
    for (const spec of candidates) {
      if (this.#exhausted() !== undefined) break;
      this.#bounds.signal.throwIfAborted();
      const tried = await this.#try(spec, costs);
      if (tried !== undefined) round.push(tried);
    }
    return round;
  }

  async #try(spec: IndexSpec, costs: readonly number[]): Promise<Tried | undefined> {
    const key = indexSql(spec);
    let made;
    try {
      made = await this.#trial.create(spec);
    } catch {
      this.#notMade.add(key);
      return undefined;
    }
    try {
      if (this.#usedBytes + made.sizeBytes > this.#bounds.sizeBytesMax) {
        this.#tooLarge.add(key);
        return undefined;
      }
      const looked = await this.#look(made.names);
      const gain = looked.costs.reduce(
        (sum, cost, at) => sum + (costs[at]! - cost) * this.#queries[at]!.weight,
        0,
      );
      const enough = looked.costs.some(
        (cost, at) => looked.uses[at] === true && (costs[at]! - cost) * 100 >= GAIN_PERCENT_MIN * costs[at]!,
      );
      return enough && gain > 0 ? { spec, sizeBytes: made.sizeBytes, gain, ...looked } : undefined;
    } finally {
      await this.#trial.dropLast();
    }
  }

  async #take(best: Tried, costs: readonly number[]): Promise<Recommendation> {
    await this.#trial.create(best.spec);
    this.#usedBytes += best.sizeBytes;
    const gains = best.costs
      .map((after, query) => ({ query, before: costs[query]!, after }))
      .filter(({ query, before, after }) => best.uses[query] === true && after < before);
    return { spec: best.spec, sizeBytes: best.sizeBytes, gains };
  }

  async #look(
    names: readonly string[],
  ): Promise<{ readonly costs: readonly number[]; readonly uses: readonly boolean[] }> {
    const costs: number[] = [];
    const uses: boolean[] = [];
    for (const query of this.#queries) {
      this.#plans++;
      const { root } = await this.#trial.explain(query);
      costs.push(root['Total Cost']);
      const used = indexesIn(root);
      uses.push(names.some((name) => used.includes(name)));
    }
    return { costs, uses };
  }

  #exhausted(): SearchResult['stoppedBy'] | undefined {
    if (performance.now() - this.#startedMs > this.#bounds.timeMs) return 'time';
    return this.#plans >= PLANS_MAX ? 'number of plans' : undefined;
  }
}

function bestOf(round: readonly Tried[]): Tried | undefined {
  const most = Math.max(...round.map(({ gain }) => gain));
  return round
    .filter(({ gain }) => gain >= NEARLY * most)
    .sort((a, b) => a.spec.columns.length - b.spec.columns.length || a.sizeBytes - b.sizeBytes)[0];
}

/** Whether an index makes another needless: the same columns in front, of the same table. */
function covers(index: IndexSpec, other: IndexSpec): boolean {
  return (
    index.table.oid === other.table.oid &&
    index.using === other.using &&
    index.opclass === other.opclass &&
    other.columns.every((column, at) => index.columns[at] === column)
  );
}
