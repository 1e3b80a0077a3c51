/** Why the figures cannot be made, in words for the person who asked for them: nothing answers, or rows are missing. */
export class Failure extends Error {
  override readonly name = "Failure";
}
