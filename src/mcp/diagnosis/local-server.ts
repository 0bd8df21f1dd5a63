import { dirname } from 'node:path';
import { childEnvironment } from '../../net/child-environment.ts';
import { Secret } from '../../core/secret.ts';
import type { ServerConfig } from '../mcp-ports.ts';
import { type Attempt, attempt } from './attempt.ts';
import type { AsWritten, Change, DiagnoseDeps, Tried } from './diagnosis.ts';
import { findProgram } from './find-program.ts';
import { type Findings, placeWords, quoted, workingFindings } from './findings.ts';
import { rpcCause } from './rpc-cause.ts';

const STDERR_LINES = 12;

/** Diagnoses a server that is started as a program, or a connector of Lanport. */
export async function diagnoseLocal(
  config: ServerConfig,
  written: AsWritten,
  deps: DiagnoseDeps,
): Promise<Findings> {
  if (config.transport === 'in-process') return diagnoseConnector(config, deps);
  const missing = await programMissing(config, deps);
  if (missing !== undefined) return missing;
  const attempts = [await start(config, 'legacy', deps)];
  const [first] = attempts as [Attempt];
  // A server of the modern era alone refuses the handshake in so many words; any other failure is the same in both eras.
  if (first.failure?.kind === 'protocol') attempts.push(await start(config, 'modern', deps));
  const working = attempts.find(({ works }) => works !== undefined);
  const tried = attempts.map((one) => one.tried);
  if (working !== undefined) return { ...declaredLocally(working, written), tried };
  const stderr = tailOf(attempts);
  const interactive = await withStdin(config, deps);
  if (interactive?.works !== undefined)
    return { ...interactive, tried: [...tried, ...interactive.tried], stderr };
  const { suggestion } = interactive ?? {};
  return {
    ...(suggestion === undefined ? {} : { suggestion }),
    ...localCause(config, attempts),
    tried,
    stderr,
  };
}

function start(config: ServerConfig, era: 'legacy' | 'modern', deps: DiagnoseDeps): Promise<Attempt> {
  return attempt(config, { transport: 'stdio', era }, config.startTimeoutMs, deps);
}

function declaredLocally(working: Attempt, written: AsWritten): Findings {
  if (written.transport === undefined || written.transport === 'stdio') return workingFindings(working);
  return {
    code: 'wrong-transport',
    words: `The entry says transport: ${written.transport}, but has a command; it works as ${placeWords(working.works!)}.`,
    tried: [working.tried],
    works: working.works,
    fix: [{ path: ['transport'], value: 'stdio' }],
  };
}

async function diagnoseConnector(config: ServerConfig, deps: DiagnoseDeps): Promise<Findings> {
  const one = await attempt(config, { transport: 'in-process', era: 'legacy' }, config.startTimeoutMs, deps);
  if (one.works !== undefined) return workingFindings(one);
  return { code: 'connector-failed', words: `${one.failure!.text}.`, tried: [one.tried] };
}

/** What is wrong with the command itself, before anything is started; `undefined` when it is there. */
async function programMissing(config: ServerConfig, deps: DiagnoseDeps): Promise<Findings | undefined> {
  const command = config.command!;
  const own = Object.fromEntries(Object.entries(config.env).map(([name, value]) => [name, value.reveal()]));
  const environment = childEnvironment(deps.environment, own);
  const path = environment['PATH'];
  const found = findProgram(command, { path, home: environment['HOME'], cwd: config.cwd });
  switch (found.kind) {
    case 'found':
      return undefined;
    case 'no-folder':
      return {
        code: 'cwd-missing',
        words: `The working folder ${found.cwd} does not exist here.`,
        tried: [notStarted(command)],
      };
    case 'not-executable':
      return {
        code: 'command-not-executable',
        words: `${found.path} is there, but cannot be executed: ${found.reason}.`,
        tried: [notStarted(command)],
      };
    case 'missing':
  }
  const { searched, elsewhere } = found;
  const words = command.includes('/')
    ? `There is no file ${command} here.`
    : `The command "${command}" is in none of the folders of the PATH that the server gets: ${searched.join(', ') || 'it is empty'}.`;
  const docker = /(?:^|\/)(?:docker|podman)$/.test(command);
  const code = docker ? 'docker-not-found' : 'command-not-found';
  if (elsewhere === undefined) return { code, words, tried: [notStarted(command)] };
  return {
    ...(await startedElsewhere(config, elsewhere, path, deps)),
    code,
    words: `${words} But there is ${elsewhere}.`,
  };
}

/** Starts a program that is not on the PATH by its full path; then with its folder on the PATH too, which scripts may need. */
async function startedElsewhere(
  config: ServerConfig,
  program: string,
  path: string | undefined,
  deps: DiagnoseDeps,
): Promise<Omit<Findings, 'code' | 'words'>> {
  const longer = path === undefined ? dirname(program) : `${dirname(program)}:${path}`;
  const byPath: Change = { path: ['command'], value: program };
  const first = await start({ ...config, command: program }, 'legacy', deps);
  if (first.works !== undefined) return { tried: [first.tried], works: first.works, fix: [byPath] };
  const env = { ...config.env, PATH: new Secret(longer) };
  const second = await start({ ...config, command: program, env }, 'legacy', deps);
  const tried = [first.tried, second.tried];
  const changes: readonly Change[] = [byPath, { path: ['env', 'PATH'], value: longer }];
  return second.works === undefined
    ? { tried, suggestion: [byPath], stderr: tailOf([first, second]) }
    : { tried, works: second.works, fix: changes };
}

/** `docker run` without `-i`: the same with it. */
async function withStdin(config: ServerConfig, deps: DiagnoseDeps): Promise<Findings | undefined> {
  const { args } = config;
  const at = args.indexOf('run');
  const isDocker = /(?:^|\/)(?:docker|podman)$/.test(config.command!);
  if (!isDocker || at < 0 || args.some((word) => /^(?:-[a-z]*i[a-z]*|--interactive(?:=true)?)$/.test(word)))
    return undefined;
  const change: Change = { path: ['args'], insertAt: at + 1, item: '-i' };
  const changed = [...args.slice(0, at + 1), '-i', ...args.slice(at + 1)];
  const one = await start({ ...config, args: changed }, 'legacy', deps);
  const base = {
    code: 'docker-not-interactive' as const,
    words:
      'The container runs without -i, so that its standard input is closed and the server in it hears nothing.',
    tried: [one.tried],
  };
  return one.works === undefined
    ? { ...base, suggestion: [change] }
    : { ...base, works: one.works, fix: [change] };
}

function localCause(config: ServerConfig, attempts: readonly Attempt[]): Omit<Findings, 'tried'> {
  const { failure, noise, stderr } = attempts[0]!;
  const spoken = rpcCause(attempts);
  if (spoken !== undefined) return spoken;
  const printed =
    noise.length === 0 ? '' : ` On standard output it printed ${quoted(noise)}, which is no message.`;
  if (/cannot connect to the docker daemon|permission denied.{0,80}docker.{0,20}socket/i.test(stderr))
    return {
      code: 'docker-not-running',
      words: `The docker client reaches no docker here: ${JSON.stringify(stderr.trim().split('\n')[0]!.slice(0, 200))}.`,
    };
  if (failure!.kind === 'closed') {
    const variable = missingVariable(`${stderr}\n${noise.join('\n')}`);
    if (variable !== undefined && config.env[variable] === undefined)
      return {
        code: 'env-missing',
        words: `It ended and named the environment variable ${variable}, which is not in its env: ${failure!.text}.${printed}`,
        suggestion: [{ path: ['env', variable], value: `\${${variable}}` }],
      };
    return { code: 'exits', words: `It ended before it answered: ${failure!.text}.${printed}` };
  }
  const address = /https?:\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::\]|\[::1\]|\*):\d+\S*/.exec(
    `${stderr}\n${noise.join('\n')}`,
  )?.[0];
  if (failure!.kind === 'timeout' && address !== undefined)
    return {
      code: 'serves-http',
      words: `It did not answer on standard input and output within ${config.startTimeoutMs / 1_000} s, but says that it listens on ${address}.`,
    };
  if (failure!.kind === 'timeout' && noise.length > 0)
    return {
      code: 'stdout-not-protocol',
      words: `It sent no message within ${config.startTimeoutMs / 1_000} s.${printed}`,
    };
  if (failure!.kind === 'timeout')
    return {
      code: 'hang',
      words: `The program runs, but did not answer within ${config.startTimeoutMs / 1_000} s.`,
    };
  return { code: 'exits', words: `It could not be used: ${failure!.text}.${printed}` };
}

/** An environment variable that a program says it lacks. */
function missingVariable(text: string): string | undefined {
  const name = String.raw`["'\`$]*\{?([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\}?["'\`]*`;
  const wanted = String.raw`(?:missing|required|requires?|not set|unset|undefined|must be set|not defined|not found|KeyError:?|please set|provide)`;
  return (
    new RegExp(`${name}[^\\n]{0,60}?${wanted}`).exec(text)?.[1] ??
    new RegExp(`${wanted}[^\\n]{0,60}?${name}`, 'i').exec(text)?.[1]
  );
}

function notStarted(command: string): Tried {
  return { transport: 'stdio', era: 'legacy', at: command, ok: false, outcome: 'could not be started' };
}

function tailOf(attempts: readonly Attempt[]): string | undefined {
  const text = attempts.find(({ stderr }) => stderr.trim() !== '')?.stderr.trim();
  return text?.split('\n').slice(-STDERR_LINES).join('\n');
}
