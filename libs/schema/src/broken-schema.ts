/** A schema file that cannot be used: `path` leads to the place in its JSON, so that the finding has line and column. */
export class BrokenSchema extends Error {
  readonly path: readonly (string | number)[];

  constructor(message: string, path: readonly (string | number)[]) {
    super(message);
    this.name = 'BrokenSchema';
    this.path = path;
  }
}
