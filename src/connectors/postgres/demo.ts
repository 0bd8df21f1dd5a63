export { DEMO_DATABASE, DEMO_ROLE, loadDemo } from './demo/load-demo.ts';
