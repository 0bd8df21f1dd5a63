/** The layers between a statement and the data, each of which a test can leave out. docs/guide/postgres.md says what each does. */
export const LAYERS = ['text', 'grammar', 'catalogue', 'transaction', 'role', 'timeouts', 'caps'] as const;

export type Layer = (typeof LAYERS)[number];

/** Why nothing but one layer holds a class. */
export interface Rest {
  readonly reason: string;
  /** Servers from this `server_version_num` on hold it by themselves. */
  readonly beforeVersion?: number;
}

/** Statements that must never reach the server, of one kind. */
export interface RefusedClass {
  readonly name: string;
  readonly what: string;
  /** What every refusal of it says. */
  readonly refusal: RegExp;
  readonly statements: readonly string[];
  /** Layers without which some statement of it does harm, each with the reason why nothing else can hold it. */
  readonly restsOn?: Partial<Readonly<Record<Layer, Rest>>>;
}

/** Reads that must run and give rows, of one kind. */
export interface AcceptedClass {
  readonly name: string;
  readonly statements: readonly string[];
}
