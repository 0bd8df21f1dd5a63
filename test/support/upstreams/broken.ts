// Servers that do what servers do when they are broken; argv[2] says how.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const serve = (status: number | undefined, headers: Record<string, string>, body: string): void => {
  const server = createServer((_request, response) => {
    if (status !== undefined) response.writeHead(status, headers).end(body);
  });
  server.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1', () =>
    process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`),
  );
};

switch (process.argv[2]) {
  case 'hang':
    process.stdin.resume();
    break;
  case 'die':
    process.stderr.write('cannot find my database\n');
    process.exit(7);
    break;
  case 'refuse':
    serve(401, { 'www-authenticate': 'Bearer realm="upstream"' }, '');
    break;
  case 'silent':
    serve(undefined, {}, '');
    break;
  case 'html':
    serve(404, { 'content-type': 'text/html' }, '<html><body>Not here</body></html>');
    break;
  default:
    throw new Error(`no such way to be broken: ${process.argv[2]}`);
}
