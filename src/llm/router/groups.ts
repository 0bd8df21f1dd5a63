import type { LlmConfig } from '../llm-config.ts';
import { type ModelConfig, mockModel } from '../model-config.ts';
import { type Deployment, toDeployment } from '../providers/deployment.ts';
import { providerOf } from '../providers/provider-of.ts';

/** Before a model's name makes a name that Claude Code's discovery keeps: it looks for the word. */
export const CLAUDE_VIA = 'claude-via-';
const MOCK = toDeployment(mockModel('mock-response'));

interface Wildcard {
  readonly name: string;
  readonly prefix: string;
  readonly suffix: string;
  readonly members: Member[];
}

/** One entry of `model_list`. `provider` is `any` where each request names its own. */
export interface ListedDeployment {
  readonly id: string;
  /** As it is written: wildcards with their star. */
  readonly model: string;
  readonly provider: string;
}

/** `undefined`: the entry does not fit this name after all. */
type Member = (part: string) => Deployment | undefined;

/** Names that clients may ask for, and the deployments behind them. */
export class Groups {
  readonly #groups = new Map<string, Deployment[]>();
  readonly #wildcards: Wildcard[] = [];
  readonly #aliases = new Map<string, string>();
  readonly #claudeDiscovery: boolean;
  readonly #listed: ListedDeployment[] = [];

  /** Throws an Error for an entry that cannot be used. */
  constructor({ models, router, claudeDiscovery }: LlmConfig) {
    this.#claudeDiscovery = claudeDiscovery;
    for (const [alias, name] of Object.entries(router.groupAliases)) this.#aliases.set(alias, name);
    for (const model of models) {
      const { aliases } = model.info;
      if (Array.isArray(aliases))
        for (const alias of aliases.map(String))
          if (!this.#aliases.has(alias)) this.#aliases.set(alias, model.name);
      if (model.name.includes('*')) this.#addWildcard(model);
      else {
        const deployment = toDeployment(model);
        const group = this.#groups.get(model.name);
        if (group === undefined) this.#groups.set(model.name, [deployment]);
        else group.push(deployment);
        this.#listed.push({ id: deployment.id, model: model.name, provider: deployment.provider });
      }
    }
    // The one that says most of a name is meant.
    this.#wildcards.sort((a, b) => lengthOf(b) - lengthOf(a));
  }

  /** In configuration order; wildcards as they are written. */
  get names(): readonly string[] {
    return [...this.#groups.keys(), ...this.#aliases.keys(), ...this.#wildcards.map(({ name }) => name)];
  }

  /** The name of `model_list` that an alias stands for; any other name is its own. */
  canonical(name: string): string {
    if (this.#groups.has(name)) return name;
    const alias = this.#aliases.get(name);
    if (alias !== undefined) return alias;
    return this.#claudeDiscovery && name.startsWith(CLAUDE_VIA) ? name.slice(CLAUDE_VIA.length) : name;
  }

  /** Every way to a model that is configured. */
  get deployments(): readonly ListedDeployment[] {
    return this.#listed;
  }

  /** `mock-response` is always there: it answers itself. */
  members(asked: string): readonly Deployment[] {
    const name = this.canonical(asked);
    const group = this.#groups.get(name);
    if (group !== undefined) return group;
    for (const { prefix, suffix, members } of this.#wildcards) {
      if (!name.startsWith(prefix) || !name.endsWith(suffix) || name.length <= prefix.length + suffix.length)
        continue;
      const part = name.slice(prefix.length, name.length - suffix.length);
      const found = members.flatMap((member) => member(part) ?? []);
      if (found.length > 0) return found;
    }
    return name === MOCK.config.name ? [MOCK] : [];
  }

  #addWildcard(model: ModelConfig): void {
    const known = this.#wildcards.find(({ name }) => name === model.name);
    const star = model.name.indexOf('*');
    const wildcard = known ?? {
      name: model.name,
      prefix: model.name.slice(0, star),
      suffix: model.name.slice(star + 1),
      members: [],
    };
    if (known === undefined) this.#wildcards.push(wildcard);
    const { member, listed } = memberOf(model);
    wildcard.members.push(member);
    this.#listed.push(listed);
  }
}

function memberOf(model: ModelConfig): { readonly member: Member; readonly listed: ListedDeployment } {
  if (providerOf(model).kind === 'by-request') {
    const id = typeof model.info['id'] === 'string' ? model.info['id'] : `any-${model.index}`;
    return {
      listed: { id, model: model.name, provider: 'any' },
      member: (part) => {
        try {
          return toDeployment({ ...model, model: part, info: { ...model.info, id } });
        } catch {
          return undefined;
        }
      },
    };
  }
  const deployment = toDeployment(model);
  return {
    listed: { id: deployment.id, model: model.name, provider: deployment.provider },
    member: (part) => ({ ...deployment, model: deployment.model.replace('*', part) }),
  };
}

function lengthOf({ prefix, suffix }: Wildcard): number {
  return prefix.length + suffix.length;
}
