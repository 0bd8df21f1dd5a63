export { DEMO_DATABASE, DEMO_OWNER, DEMO_ROLE, loadDemo } from './demo/load-demo.ts';
