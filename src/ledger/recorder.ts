import { redactBody } from '../core/redact-body.ts';
import { type Redactor, withoutLastWord } from '../core/redact.ts';
import { BodyCapture, keptBody, type RawBody } from './body-capture.ts';
import type { BodyWriter } from './body-writer.ts';
import type { CallEnd, CallStart } from './ledger-ports.ts';
import { levelsOf } from './levels.ts';
import type { Level, RecordingConfig } from './recording-config.ts';
import { printableText, TEXT_CHARACTERS_MAX } from './spool-record.ts';

/** A call as it is to be recorded: without secrets, and at a level. */
export interface OpenCall {
  readonly start: CallStart;
  readonly level: Level;
  /** What was asked; `undefined` where it is not kept. */
  readonly asked: RawBody | undefined;
  /** Gathers what is answered; `undefined` where it is not kept. */
  readonly answered: BodyCapture | undefined;
}

/** Of larger inputs the beginning, the end and the length are digested: a request waits for it. */
const DIGEST_BYTES_MAX = 64 * 1024;
/** Text that is looked at for secrets; what is kept of it is shorter. */
const LOOKED_AT = 1_000;
/** Texts that come again and again; when there are more, all are forgotten. */
const TEXTS_MAX = 2_000;
const DETAILS_CHARACTERS_MAX = 4_096;

export interface RecorderOptions {
  readonly redactor: Redactor;
  readonly config: RecordingConfig;
  /** `undefined`: there is nowhere to keep bodies. */
  readonly bodies: BodyWriter | undefined;
}

/** Decides what of a call is recorded, and takes the secrets out of it before anybody writes anything. */
export class Recorder {
  readonly redactor: Redactor;
  readonly #config: RecordingConfig;
  readonly #bodies: BodyWriter | undefined;
  readonly #levelOf: ReturnType<typeof levelsOf>;
  /** Short texts, as they may be recorded. */
  readonly #texts = new Map<string, string>();

  constructor({ redactor, config, bodies }: RecorderOptions) {
    this.redactor = redactor;
    this.#config = config;
    this.#bodies = bodies;
    this.#levelOf = levelsOf(config.levels, config.defaultLevel);
  }

  /** `input`: the parameters or the body of the request; `digested`: the part of it that two equal requests have in common. */
  open(start: CallStart, input?: Buffer, digested = input): OpenCall {
    const level = this.#levelOf(start);
    const keeps = this.#bodies !== undefined && (level === 'request' || level === 'response');
    const label = (text: string): string => this.text(text);
    const optional = (text: string | undefined): string | undefined =>
      text === undefined ? undefined : label(text);
    const clean: CallStart = {
      ...start,
      operation: label(start.operation),
      keyAlias: optional(start.keyAlias),
      user: optional(start.user),
      team: optional(start.team),
      address: label(start.address),
      client: optional(start.client),
      server: optional(start.server),
      toolName: optional(start.toolName),
      originalName: optional(start.originalName),
      model: optional(start.model),
      rule: optional(start.rule),
      endUser: optional(start.endUser),
      session: optional(start.session),
      tags: start.tags === undefined ? undefined : this.#tags(start.tags),
      digest: digested === undefined || level === 'none' ? undefined : this.#digest(digested),
    };
    return {
      start: clean,
      level,
      asked: keeps && input !== undefined ? this.#begin(input) : undefined,
      answered: keeps && level === 'response' ? new BodyCapture(this.#config.bodyBytesMax) : undefined,
    };
  }

  /** The end of a call, as it is to be recorded. */
  end(end: CallEnd): CallEnd {
    const { errorCode, deployment, details } = end;
    if (errorCode === undefined && deployment === undefined && details === undefined) return end;
    return {
      ...end,
      errorCode: errorCode === undefined ? undefined : this.text(errorCode),
      deployment: deployment === undefined ? undefined : this.text(deployment),
      details: details === undefined ? undefined : this.details(details),
    };
  }

  /** Text from strangers as it may be recorded: without secrets, bounded, on one line. */
  text(given: string): string {
    const known = this.#texts.get(given);
    if (known !== undefined) return known;
    const clean = this.#clean(given);
    if (given.length > TEXT_CHARACTERS_MAX) return clean;
    if (this.#texts.size >= TEXTS_MAX) this.#texts.clear();
    this.#texts.set(given, clean);
    return clean;
  }

  #clean(given: string): string {
    const looked = given.length <= LOOKED_AT ? given : `${withoutLastWord(given.slice(0, LOOKED_AT))}…`;
    // What cannot be printed might stand within a secret, so that its shape is not seen.
    const clean = this.redactor.text(printableText(looked));
    return clean.length > TEXT_CHARACTERS_MAX ? clean.slice(0, TEXT_CHARACTERS_MAX) : clean;
  }

  /** Each by itself: what is put in for a secret, or cut off, must not break the JSON. */
  #tags(json: string): string {
    return JSON.stringify((JSON.parse(json) as readonly string[]).map((tag) => this.text(tag)));
  }

  /** JSON about what an operator did, without secrets. */
  details(json: string): string {
    const clean = redactBody(json, this.redactor, { isCut: false });
    return clean.length <= DETAILS_CHARACTERS_MAX
      ? clean
      : JSON.stringify({ cut: clean.slice(0, DETAILS_CHARACTERS_MAX) });
  }

  /** Keeps what was asked: the call's record is durable. */
  keepAsked(call: OpenCall): void {
    if (call.asked !== undefined) this.#keep(call, 'request', call.asked);
  }

  /** Keeps what was answered. */
  keepAnswered(call: OpenCall): void {
    if (call.answered !== undefined && !call.answered.isEmpty)
      this.#keep(call, 'response', call.answered.take());
  }

  #begin(input: Buffer): RawBody {
    return { bytes: Buffer.from(input.subarray(0, this.#config.bodyBytesMax)), whole: input.length };
  }

  #keep({ start: { id, startedAt } }: OpenCall, part: 'request' | 'response', raw: RawBody): void {
    this.#bodies?.add(raw.bytes.length, () =>
      keptBody({ callId: id, startedAt, part }, raw, (text, isCut) =>
        redactBody(text, this.redactor, { isCut }),
      ),
    );
  }

  #digest(input: Buffer): string {
    if (input.length <= DIGEST_BYTES_MAX) return this.redactor.digest(input);
    const half = DIGEST_BYTES_MAX / 2;
    return this.redactor.digest(
      Buffer.concat([input.subarray(0, half), input.subarray(-half), Buffer.from(String(input.length))]),
    );
  }
}
