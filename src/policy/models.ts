import type { Principal } from '../auth/authenticate.ts';
import type { Verdict } from './rights.ts';

/** What the policy has to know of a model. */
export interface PolicyModel {
  readonly name: string;
  readonly accessGroups: readonly string[];
}

/** Words of LiteLLM for every model. */
const EVERY: ReadonlySet<string> = new Set(['*', 'all-proxy-models']);
/** LiteLLM's word for the models of the key's team. */
const OF_TEAM = 'all-team-models';

/**
 * Whether a principal may use a model: closed by default, open for the master key. A key's `models` holds names, names with a star, and access
 * groups of models. What its team and its user may use bounds it.
 */
export function judgeModel(principal: Principal, model: string, known: readonly PolicyModel[]): Verdict {
  const { grants } = principal;
  if (grants === undefined) return { allowed: true, rule: principal.kind };
  if (grants.models.length === 0) return { allowed: false, rule: `${grants.source}.models (empty)` };
  const within = grants.within ?? [];
  let groups: readonly string[] | undefined;
  const names = (entry: string): boolean =>
    EVERY.has(entry) || fits(entry, model) || (groups ??= groupsOf(model, known)).includes(entry);
  const hasTeam = within.some(({ source, models }) => source.startsWith('teams.') && models !== undefined);
  const at = grants.models.findIndex((entry) => names(entry) || (hasTeam && entry === OF_TEAM));
  if (at < 0) return { allowed: false, rule: `${grants.source}.models` };
  const bound = within.find(({ models }) => models !== undefined && !models.some(names));
  return bound === undefined
    ? { allowed: true, rule: `${grants.source}.models[${at}]` }
    : { allowed: false, rule: `${bound.source}.models` };
}

/** An entry with a star stands for the models that have none of their own. */
function groupsOf(model: string, known: readonly PolicyModel[]): readonly string[] {
  const exact = known.filter(({ name }) => name === model);
  const entries = exact.length > 0 ? exact : known.filter(({ name }) => fits(name, model));
  return entries.flatMap(({ accessGroups }) => accessGroups);
}

function fits(entry: string, model: string): boolean {
  const star = entry.indexOf('*');
  if (star < 0) return entry === model;
  const [before, after] = [entry.slice(0, star), entry.slice(star + 1)];
  return model.length >= entry.length - 1 && model.startsWith(before) && model.endsWith(after);
}
