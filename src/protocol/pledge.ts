/** A promise and what settles it. A rejection that nobody looks at is not reported as unhandled. */
export class Pledge<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;

  constructor() {
    let settle: { readonly resolve: (value: T) => void; readonly reject: (error: Error) => void } | undefined;
    this.promise = new Promise<T>((resolve, reject) => {
      settle = { resolve, reject };
    });
    this.promise.catch(() => {});
    // The executor above has run, which the compiler cannot know.
    const { resolve, reject } = settle as unknown as NonNullable<typeof settle>;
    this.resolve = resolve;
    this.reject = reject;
  }
}
