/** What is known of Google's models by their names. */
export interface ModelRules {
  /** 2.5 and before take a budget of thinking, later ones a level; `none` does not think, or is not known to. */
  readonly thinking: 'none' | 'budget' | 'level';
  /** The least and the greatest budget; 0 as the least: thinking can be off. */
  readonly budgetMin: number;
  readonly budgetMax: number;
  /** Whether the level MINIMAL is taken, which comes next to no thinking. */
  readonly takesMinimal: boolean;
  /** Whether the level MEDIUM is taken. */
  readonly takesMedium: boolean;
  /** Whether calls must carry a signature, and results of tools may hold images. */
  readonly isLater: boolean;
}

const VERSION = /(?:gemini|gemma)-(\d+)(?:\.(\d+))?/;

/** Names without a version, such as `gemini-flash-latest`, count as the newest. */
export function rulesOf(model: string): ModelRules {
  const match = VERSION.exec(model);
  const version = match === null ? 999 : Number(match[1]) * 100 + Number(match[2] ?? 0);
  const isPro = model.includes('pro');
  const isLite = model.includes('lite');
  const isLater = version >= 300 && !model.includes('gemma');
  return {
    thinking: isLater ? 'level' : version >= 205 && !model.includes('gemma') ? 'budget' : 'none',
    budgetMin: isPro ? 128 : 0,
    budgetMax: isPro ? 32_768 : 24_576,
    takesMinimal: !isPro && (isLite || version < 307),
    takesMedium: !isPro || version > 300,
    isLater,
  };
}
