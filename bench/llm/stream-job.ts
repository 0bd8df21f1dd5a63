/** What the load of streamed answers is to do. */
export interface StreamJob {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly connections: number;
  /** No request is begun after them. */
  readonly seconds: number;
  /** As many requests, and no more. */
  readonly responsesMax?: number;
  /** Of each answer, those that the provider sends with content. */
  readonly events: number;
  /** Text that a right answer contains once for each of them, and at its end. */
  readonly expectEach: string;
  readonly expectEnd: string;
  /** Whether the events carry the time at which they were sent. */
  readonly hasTimes?: boolean;
}

/** What it found. Microseconds. */
export interface StreamLoad {
  readonly responses: number;
  readonly failures: number;
  readonly seconds: number;
  /** From the request to the first event. */
  readonly firstP50Us: number;
  /** From the sending of an event to its arrival. */
  readonly delayP50Us: number;
  readonly delayP99Us: number;
  readonly delayMaxUs: number;
}
