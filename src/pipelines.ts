/** The pipelines there are, a line each: the only importer of domain folders. */
export { users } from "./users/pipeline.ts";
