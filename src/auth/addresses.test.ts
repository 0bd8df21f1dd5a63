import { describe, expect, it } from 'vitest';
import { addressList, forwardedAddress, isLoopback, plainAddress } from './addresses.ts';

describe('an address list', () => {
  const allows = addressList([
    '10.0.0.0/8',
    '192.168.1.7',
    'fd00::/8',
    '2001:db8::1',
    '::ffff:172.16.0.0/108',
  ]);

  it.each([
    ['10.255.0.1', true],
    ['11.0.0.1', false],
    ['192.168.1.7', true],
    ['192.168.1.8', false],
    ['::ffff:10.1.2.3', true],
    ['::FFFF:a01:203', true],
    ['::ffff:11.1.2.3', false],
    ['fd12::9', true],
    ['FD12::9%eth0', true],
    ['fe80::1', false],
    ['2001:db8:0:0::1', true],
    ['2001:db8::2', false],
    ['172.31.0.1', true],
    ['172.32.0.1', false],
    ['', false],
    ['unknown', false],
    ['10.1.2', false],
  ])('%s: %s', (address, expected) => {
    expect(allows(address)).toBe(expected);
  });

  it('takes /0 and full prefixes', () => {
    expect(addressList(['0.0.0.0/0'])('203.0.113.9')).toBe(true);
    expect(addressList(['0.0.0.0/0'])('2001:db8::1')).toBe(false);
    expect(addressList(['203.0.113.9/32'])('203.0.113.8')).toBe(false);
    expect(addressList(['::/0'])('2001:db8::1')).toBe(true);
    expect(addressList([' 203.0.113.9 '])('203.0.113.9')).toBe(true);
  });

  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'host', '::/129', '::ffff:10.0.0.0/8', '10.0.0.0/-1'])(
    'refuses %s by name',
    (entry) => {
      expect(() => addressList([entry])).toThrow(`"${entry}"`);
    },
  );
});

describe('addresses', () => {
  it('are written in one way', () => {
    expect(plainAddress('::ffff:127.0.0.1')).toBe('127.0.0.1');
    expect(plainAddress('::ffff:7f00:1')).toBe('127.0.0.1');
    expect(plainAddress('fe80::1%eth0')).toBe('fe80::1');
    expect(plainAddress('x'.repeat(200))).toHaveLength(64);
  });

  it('are loopback only when they are', () => {
    for (const own of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])
      expect(isLoopback(own), own).toBe(true);
    for (const other of ['10.0.0.1', '128.0.0.1', '127.evil.example', '::2', ''])
      expect(isLoopback(other), other).toBe(false);
  });

  it('are taken from the end of X-Forwarded-For, which the nearest proxy wrote', () => {
    expect(forwardedAddress('10.0.0.1, 203.0.113.9')).toBe('203.0.113.9');
    expect(forwardedAddress('203.0.113.9:5123')).toBe('203.0.113.9');
    expect(forwardedAddress('[2001:db8::1]:443')).toBe('2001:db8::1');
    expect(forwardedAddress('2001:db8::1')).toBe('2001:db8::1');
    expect(forwardedAddress('10.0.0.1, ')).toBeUndefined();
    const isProxy = addressList(['10.0.0.0/8']);
    expect(forwardedAddress('198.51.100.7, 203.0.113.9, 10.0.0.2, 10.0.0.1', isProxy)).toBe('203.0.113.9');
    expect(forwardedAddress('10.0.0.2, 10.0.0.1', isProxy)).toBe('10.0.0.2');
    expect(forwardedAddress(undefined)).toBeUndefined();
  });
});
