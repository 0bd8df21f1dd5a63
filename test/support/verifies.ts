import { REQUIREMENTS, type RequirementId } from '../requirements/requirements.ts';

/** Says that the test that calls it verifies these promises. Throws for one that is not on the list. */
export function verifies(...ids: readonly RequirementId[]): void {
  for (const id of ids) if (!(id in REQUIREMENTS)) throw new Error(`there is no requirement ${id}`);
}
