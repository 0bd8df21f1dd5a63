import { expect, it } from 'vitest';
import { missingHeader } from './missing-header.ts';

it.each([
  ['{"error":"Missing required header: X-Tenant-Id"}', 'X-Tenant-Id'],
  ['X-API-Key header is required', 'X-API-Key'],
  ['{"detail":"The header \\"x-workspace-id\\" must be set"}', 'x-workspace-id'],
  ['<p>missing the <b>X-Org-Id</b> header</p>', 'X-Org-Id'],
  ['Authorization header missing', 'Authorization'],
])('the header that %s names is found', (body, name) => {
  expect(missingHeader(body, [])).toBe(name);
});

it.each([
  'Bad Request: Mcp-Session-Id header is required',
  'Not Acceptable: missing Accept-Encoding header',
  'Missing parameter: tenant-id',
  'invalid header',
  'X-Sent-Already header is required',
])('no header is read into %s', (body) => {
  expect(missingHeader(body, ['x-sent-already'])).toBeUndefined();
});
