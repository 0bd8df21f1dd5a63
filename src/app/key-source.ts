import { readFileSync } from 'node:fs';
import { EXIT, StartupError } from './startup-error.ts';

/** A key, and where it was read, in words. */
export interface FoundKey {
  readonly key: string;
  readonly source: string;
}

/** Reads the key in a file. Throws StartupError that says what is wrong with it. */
export function keyInFile(path: string): FoundKey {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : (code ?? 'it cannot be read');
    throw new StartupError(`the key file ${path} cannot be read: ${why}`, EXIT.configuration, error);
  }
  return checked(text, `the key file ${path}`);
}

/** The key in an environment variable; `undefined` when it is not set or empty. */
export function keyInVariable(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
): FoundKey | undefined {
  const value = env[name];
  return value === undefined || value.trim() === '' ? undefined : checked(value, name);
}

function checked(text: string, source: string): FoundKey {
  const key = text.trim();
  if (key === '') throw new StartupError(`${source} is empty: it must hold the key`, EXIT.configuration);
  if (!/^[\x21-\x7e]+$/.test(key))
    throw new StartupError(
      `${source} holds more than a key: it must be one line of visible characters without spaces`,
      EXIT.configuration,
    );
  return { key, source };
}
