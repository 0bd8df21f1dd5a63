import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { sdkServer } from './sdk-server.ts';

await sdkServer('stdio-2025').connect(new StdioServerTransport());
